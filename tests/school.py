"""One tenant with courses and people, asked over HTTP as any of them; what each answer cost is known."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from harka import clock
from harka.auth import api_key, token
from harka.auth.saml import Assertions
from harka.cache.tenant import TenantCache
from harka.codec import from_json, json_bytes
from harka.ids import NodeKind
from harka.learning import (
    category,
    course,
    enrollment,
    group,
    group_member,
    invitation,
    job,
    lesson,
    path,
    quiz,
    role,
    tag,
    user,
)
from harka.learning.course import CourseDraft
from harka.learning.enrollment import EnrollmentEntry
from harka.learning.invitation import InvitationDraft
from harka.learning.job import JobDraft, JobKind
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.path import PathDraft
from harka.learning.quiz import QuizDraft
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import signing_key as signing_keys
from harka.repositories.category import Category
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.group import Group
from harka.repositories.invitation import Invitation
from harka.repositories.job import Job
from harka.repositories.lesson import Lesson
from harka.repositories.organization import Organization
from harka.repositories.path import LearningPath
from harka.repositories.quiz import Quiz
from harka.repositories.role import CustomRole
from harka.repositories.tag import Tag
from harka.repositories.user import User
from harka.runtime import Runtime
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from harka.tenancy.quota import Admission
from harka.web.listeners import Listeners
from harka.web.middleware.draining import Draining
from harka.web.middleware.request_scope import RequestRecord
from harka.web.routes import build
from waiting import until_heard

__all__ = ["OpenSchool", "School", "lasting_school", "open_school", "school"]

PATIENCE = 10.0  # seconds for what should happen at once
ROLES = ("owner", "instructor", "learner", "learner")


def graphql_scope(kind: str, host: str, headers: Mapping[str, str], **more: Any) -> Scope:
    """As a server hands it to the application, for `/graphql` at the address `host`."""
    given = {"host": host, **headers}
    return {
        "type": kind,
        "path": "/graphql",
        "scheme": "http",
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        **more,
    }


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0)


@dataclass
class Reply:
    """`statements`: those of the operation itself, without the look-up of who asks.

    `body`: without what it cost, which is another each time, and stands in `cost`; empty where nothing does.
    """

    status: int
    body: dict[str, Any]
    statements: int
    record: RequestRecord
    headers: httpx2.Headers
    cost: dict[str, Any]

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """Code and perhaps field of each error: of the answer, and of payloads where the document asks."""
        payloads = [each for each in (self.body.get("data") or {}).values() if isinstance(each, dict)]
        return [
            *(error["extensions"] for error in self.body.get("errors", ())),
            *(error for payload in payloads for error in payload.get("errors", ())),
        ]

    @property
    def codes(self) -> list[str]:
        return [each["code"] for each in self.refusals]

    @property
    def code(self) -> str:
        (only,) = self.codes
        return only

    @property
    def field(self) -> str | None:
        (only,) = self.refusals
        return only.get("field")


class Probe:
    """Keeps the record of the last request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.record = RequestRecord()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        self.record = scope["harka"].record


class Wire:
    """One connection to the application, message by message."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.create_task(app(scope, self._sent.get, self._heard.put))

    def send(self, message: dict[str, Any]) -> None:
        self._sent.put_nowait(message)

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            message: dict[str, Any] = await self._heard.get()
        return message

    @property
    def is_silent(self) -> bool:
        return self._heard.empty()


class Socket(Wire):
    """A WebSocket that speaks JSON."""

    def say(self, type_: str, **message: Any) -> None:
        self.send({"type": "websocket.receive", "text": json_bytes({"type": type_, **message}).decode()})

    async def hear(self) -> dict[str, Any]:
        message = await self.receive()
        assert message["type"] == "websocket.send", message
        decoded: dict[str, Any] = from_json(message["text"])
        return decoded

    async def closed(self) -> tuple[int, str]:
        message = await self.receive()
        assert message["type"] == "websocket.close", message
        return message["code"], message["reason"]


class Stream(Wire):
    """Server-sent events."""

    async def opened(self) -> int:
        message = await self.receive()
        assert message["type"] == "http.response.start", message
        return int(message["status"])

    async def event(self) -> tuple[str, Any]:
        """The next event's name and data; `heartbeat` for a comment, `end` for the end of the body."""
        message = await self.receive()
        text = message["body"].decode()
        if not message.get("more_body") and not text:
            return "end", None
        if text == ":\n\n":
            return "heartbeat", None
        name, data = text.removesuffix("\n\n").split("\n")
        payload = data.removeprefix("data: ")
        return name.removeprefix("event: "), from_json(payload) if payload else None


@dataclass
class School:
    """`owner`, `instructor`, `learner`, `other` (a learner too) are people; `key` holds every permission."""

    runtime: Runtime
    organization: Organization
    people: Sequence[User] = ()
    courses: Sequence[Course] = ()
    enrollments: Sequence[Enrollment] = ()
    draft: Course | None = None
    group: Group | None = None
    quiz: Quiz | None = None
    category: Category | None = None
    path: LearningPath | None = None
    tag: Tag | None = None
    role: CustomRole | None = None
    invitation: Invitation | None = None
    job: Job | None = None
    lessons: Mapping[UUID, Sequence[Lesson]] = field(default_factory=dict)
    keys: dict[tuple[Permission, ...], str] = field(default_factory=dict)
    tokens: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draining = Draining()
        self.listeners = Listeners(self.runtime)
        self.app = Probe(build(self.runtime, self.draining, self.listeners))

    def with_settings(self, **options: Any) -> "School":
        """The same, served with other settings."""
        return self._over(settings=msgspec.structs.replace(self.runtime.settings, **options))

    def with_admission(self, admission: Admission) -> "School":
        """The same with other budgets."""
        return self._over(admission=admission)

    def with_cache(self, cache: TenantCache) -> "School":
        """The same with another cache, which the caller closes."""
        return self._over(cache=cache)

    def without_xmlsec1(self) -> "School":
        """The same where that program is not installed."""
        return self._over(assertions=Assertions(Path("/nowhere/xmlsec1")))

    def _over(self, **parts: Any) -> "School":
        runtime: Runtime = msgspec.structs.replace(self.runtime, **parts)
        return School(runtime, self.organization, self.people, self.courses, self.enrollments, self.draft)

    @property
    def owner(self) -> User:
        return self.people[0]

    @property
    def instructor(self) -> User:
        return self.people[1]

    @property
    def learner(self) -> User:
        return self.people[2]

    @property
    def other(self) -> User:
        return self.people[3]

    @property
    def host(self) -> str:
        return f"{self.organization.slug}.{self.runtime.settings.platform_domain}"

    def id(self, kind: NodeKind, row: Any) -> str:
        return self.runtime.node_ids.seal(
            self.organization.id, kind, row if isinstance(row, UUID) else row.id
        )

    def enrollment_of(self, person: User, of: Course) -> Enrollment:
        return next(e for e in self.enrollments if (e.user_id, e.course_id) == (person.id, of.id))

    @asynccontextmanager
    async def work(self) -> AsyncIterator[UnitOfWork]:
        runtime = self.runtime
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            operator_context(self.organization),
            read_only=False,
            timeout=20.0,
            outside=runtime.outside,
        ) as work:
            yield work

    async def headers(self, caller: User | Sequence[Permission] | None) -> dict[str, str]:
        """Of a person (a token), of a program (its permissions), or of nobody (None)."""
        if caller is None:
            return {}
        if isinstance(caller, User):
            if caller.id not in self.tokens:
                self.tokens[caller.id] = await self._token(caller)
            return {"authorization": f"Bearer {self.tokens[caller.id]}"}
        scopes = tuple(caller)
        if scopes not in self.keys:
            made = await api_key.create(
                self.runtime.catalog, self.organization.id, name="test", scopes=list(scopes)
            )
            await self.runtime.directory.reread(self.organization.id)
            self.keys[scopes] = made.text
        return {"x-api-key": self.keys[scopes]}

    async def send(self, method: str = "POST", **options: Any) -> httpx2.Response:
        """A request as it is, without credentials unless given."""
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{self.host}") as client:
            return await client.request(method, "/graphql", **options)

    async def ask(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        caller: User | Sequence[Permission] | None = tuple(Permission),
    ) -> Reply:
        response = await self.send(
            json={"query": document, "variables": variables}, headers=await self.headers(caller)
        )
        record = self.app.record
        looked_up = int(isinstance(caller, User))
        body, statements = response.json(), record.statements - looked_up
        cost = body.pop("extensions", {}).get("cost", {})
        return Reply(response.status_code, body, statements, record, response.headers, cost)

    def scope(self, kind: str, headers: Mapping[str, str], **more: Any) -> Scope:
        return graphql_scope(kind, self.host, headers, **more)

    @asynccontextmanager
    async def socket(
        self,
        *,
        headers: Mapping[str, str] | None = None,
        protocols: Sequence[str] = ("graphql-transport-ws",),
    ) -> AsyncIterator[Socket]:
        """An accepted WebSocket, nothing said yet; it leaves at the end of the block."""
        scope = self.scope("websocket", headers or {}, subprotocols=list(protocols))
        socket = Socket(self.app, scope)
        socket.send({"type": "websocket.connect"})
        yield socket
        socket.send({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(PATIENCE):
            await socket.task

    @asynccontextmanager
    async def stream(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        caller: User | Sequence[Permission] | None,
    ) -> AsyncIterator[Stream]:
        """A request for server-sent events; it leaves at the end of the block."""
        await until_heard(self.runtime.pubsub)
        headers = {
            "accept": "text/event-stream",
            "content-type": "application/json",
            **await self.headers(caller),
        }
        stream = Stream(self.app, self.scope("http", headers, method="POST"))
        body = json_bytes({"query": document, "variables": dict(variables or {})})
        stream.send({"type": "http.request", "body": body, "more_body": False})
        yield stream
        stream.send({"type": "http.disconnect"})
        async with asyncio.timeout(PATIENCE):
            await stream.task

    async def _token(self, person: User) -> str:
        key = await signing_keys.find_current(self.runtime.catalog, self.organization.id)
        assert key is not None
        return token.issue(
            key,
            self.runtime.keyring,
            self.runtime.settings,
            user=person.id,
            lifetime=timedelta(hours=1),
            now=clock.now(),
        )


async def _open(runtime: Runtime, organization: Organization) -> School:
    """Three published courses of two modules with two lessons each, everybody in the first two; one draft.

    A group of everybody, a role that nobody holds, an invitation of nobody here, and a job that waits; in the
    first lesson a quiz that only authors see. A category and a tag of no course; the draft of a path of the
    first two courses.
    """
    made = School(runtime, organization)
    async with made.work() as work:
        made.people = await user.create_many(
            work,
            [
                UserDraft(email=f"p{n}@example.com", name=f"Person {n}", role=role)
                for n, role in enumerate(ROLES)
            ],
        )
        *published, made.draft = await course.create_many(
            work, [*(_draft(n) for n in range(3)), _draft(3, published=False)]
        )
        made.courses = published
        made.enrollments = await enrollment.enroll_many(
            work,
            [
                EnrollmentEntry(user_id=person.id, course_id=of.id)
                for of in published[:2]
                for person in made.people
            ],
        )
        made.role = await role.create(work, name="Helper", permissions=["course:read"])
        made.invitation = (
            await invitation.invite(work, InvitationDraft(email="guest@example.com"))
        ).invitation
        made.job = await job.enqueue(work, JobDraft(kind=JobKind.RECHECK_DOMAINS))
        made.group = await group.create(work, name="Everybody")
        await group_member.add(work, made.group.id, [person.id for person in made.people])
        made.path = await path.create(
            work, PathDraft(title="Way", course_ids=[of.id for of in published[:2]])
        )
        made.category = await category.create(work, "Sciences")
        made.tag = await tag.create(work, "Short")
        made.lessons = await lesson.by_course(work, [of.id for of in published])
        first = made.lessons[published[0].id][0]
        made.quiz = await quiz.create(work, first.id, QuizDraft(title="Not shown"))
    return made


def _draft(number: int, *, published: bool = True) -> CourseDraft:
    lessons = (LessonOutline("First"), LessonOutline("Second"))
    return CourseDraft(
        title=f"Course {number}",
        code=f"C-{number}-{secrets.token_hex(3)}",
        modules=(ModuleOutline("Begin", lessons), ModuleOutline("End", lessons)),
        published=published,
    )


OpenSchool = Callable[[], Awaitable[School]]


@pytest.fixture(scope="session")
def open_school(runtime: Runtime, make_tenant: Callable[..., Awaitable[Organization]]) -> OpenSchool:
    """Call it: another one, see `_open`."""

    async def opened() -> School:
        return await _open(runtime, await make_tenant())

    return opened


@pytest.fixture
async def school(runtime: Runtime, make_tenant: Callable[..., Awaitable[Organization]]) -> School:
    return await _open(runtime, await make_tenant())


@pytest.fixture(scope="module")
async def lasting_school(open_school: OpenSchool) -> School:
    """One for all tests of a file: for what only looks, and for what is refused."""
    return await open_school()
