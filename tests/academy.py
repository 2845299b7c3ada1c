"""One tenant with a database, a cache and subscribers: where the tests of rules, queue and worker happen."""

import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest

from harka import clock
from harka.auth.permissions import permissions_of
from harka.auth.principal import Credential, allowed_to, load_context
from harka.cache.tenant import TenantCache
from harka.config import Settings
from harka.ids import new_id
from harka.learning import course as courses
from harka.learning import enrollment as enrollments
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.outside import Outside
from harka.learning.work import UnitOfWork, unit_of_work
from harka.pubsub import PubSub
from harka.queue.claim import claim
from harka.repositories import job_run
from harka.repositories import lesson as lesson_rows
from harka.repositories import user as user_rows
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.job_run import Run
from harka.repositories.lesson import Lesson
from harka.repositories.organization import Granted, Organization
from harka.repositories.scope import Scope
from harka.repositories.user import User
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.storage.location import APP_ROLE, CONTROL_ROLE, OWNER_ROLE, Location, with_database, with_role
from harka.storage.migrate import connected, migrate_all
from harka.storage.provision import create_home, prepare_server
from harka.storage.statement import Statement
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext, operator_context
from harka.tenancy.dns import Dns
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Resource
from harka.worker.allowance import allowance
from harka.worker.registry import HANDLERS

__all__ = ["Academy", "Parts", "academy", "academy_settings", "founded", "parts", "rival"]

SCHEMA = "shard_small_7"
TABLES = (
    '"user"',
    "course",
    "module",
    "lesson",
    "content_item",
    "assignment",
    "submission",
    "submission_file",
    "file",
    "file_ledger",
    "module_unlock",
    "module_prerequisite",
    "enrollment",
    "lesson_progress",
    "completion",
    "certificate",
    "branding",
    "branding_asset",
    "quiz",
    "quiz_question",
    "quiz_attempt",
    "job",
    "job_pace",
    "event",
    "health_alert",
    "mail_refusal",
    "mail_sender",
    "webhook_endpoint",
    "webhook_delivery",
    "bulk_change",
    "bulk_result",
    "bulk_operation",
    "event_horizon",
    "usage",
    "idempotency",
    "user_group",
    "user_group_path",
    "user_group_member",
    "user_scope",
    "custom_role",
    "invitation",
    "invitation_group",
    "password",
    "password_reset",
    "session",
    "sso_attempt",
    "sso_connection",
    "sso_identity",
    "sso_session",
    "passkey",
    "totp",
    "recovery_code",
    "rollup",
    "rollup_change",
    "user_activity",
    "learning_path",
    "learning_path_course",
    "learning_path_enrollment",
    "category",
    "tag",
    "course_tag",
    "course_version",
    "search_word",
    "search_spelling",
)
EVERYTHING = {
    table: Statement(
        f"test.{table}",
        f"SELECT to_jsonb(t)::text FROM {{schema}}.{table} t WHERE tenant_id = $1 ORDER BY 1",  # noqa: S608 - a constant
    )
    for table in TABLES
}


class Parts(msgspec.Struct, frozen=True):
    databases: Databases
    cache: TenantCache
    pubsub: PubSub
    outside: Outside


class Academy:
    """`statements`: those of the last unit of work."""

    def __init__(self, parts: Parts, organization: Organization) -> None:
        self.parts = parts
        self.organization = organization
        self.operator = operator_context(organization)
        self.statements = 0

    def grant(self, *, shadow: bool = False, **limits: int) -> None:
        """It has these from now on, and in shadow mode they are only counted: in `refused`, from 0."""
        granted = Granted(limits, shadow=shadow, version=1)
        self.organization = msgspec.structs.replace(self.organization, granted=granted)
        self.operator = operator_context(self.organization)
        outside = msgspec.structs.replace(self.parts.outside, refused=Counter())
        self.parts = msgspec.structs.replace(self.parts, outside=outside)

    @property
    def refused(self) -> Counter[tuple[Resource, bool]]:
        return self.parts.outside.refused

    def anonymous(self) -> TenantContext:
        return TenantContext(organization=self.organization, actor=ANONYMOUS)

    def acting(self, user: User) -> TenantContext:
        """What this user may do."""
        return TenantContext(
            organization=self.organization,
            actor=Actor(ActorKind.USER, user.id),
            user=user,
            permissions=permissions_of(user.role),
        )

    def managing(self, user: User) -> TenantContext:
        """What this user may do, who manages groups."""
        allowed, manages_groups = allowed_to(user_rows.Acting(user, None, manages_groups=True))
        return msgspec.structs.replace(self.acting(user), permissions=allowed, manages_groups=manages_groups)

    async def entering(self, user: User) -> TenantContext:
        """What this user may do, read afresh, as at their next request."""
        who = Credential(
            organization=self.organization, actor=Actor(ActorKind.USER, user.id), user=user.id, scopes=None
        )
        async with self.work(read_only=True) as work:
            return await load_context(work.session, who, request_id="test")

    def key(self, *scopes: Permission) -> TenantContext:
        """What an API key of nobody in particular may do."""
        return TenantContext(
            organization=self.organization,
            actor=Actor(ActorKind.API_KEY, new_id()),
            permissions=frozenset(scopes),
        )

    def work(
        self, context: TenantContext | None = None, *, read_only: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work, by default of the operator."""
        return self._counted(context or self.operator, read_only=read_only)

    @asynccontextmanager
    async def _counted(self, context: TenantContext, *, read_only: bool) -> AsyncIterator[UnitOfWork]:
        parts = self.parts
        async with unit_of_work(
            parts.databases,
            parts.cache,
            parts.pubsub,
            context,
            read_only=read_only,
            timeout=20.0,
            outside=parts.outside,
        ) as work:
            try:
                yield work
            finally:
                self.statements = work.session.statements

    async def user(self, role: str = "learner", *, status: str = "active") -> User:
        id_, now = new_id(), clock.now()
        user = User(id_, f"{id_.hex}@example.com", "Ada", role, status, None, None, now, now, 1)
        async with self.work() as work:
            await user_rows.insert(work.session, user)
        return user

    async def course(
        self,
        *,
        weights: tuple[float, ...] = (1, 1),
        published: bool = True,
        seats: int | None = None,
        required: tuple[int, ...] = (),
        percent: int = 100,
        certifies: bool = False,
        open_to_all: bool = False,
    ) -> Course:
        """A course of one module with a lesson of each weight. `required`: the places of those that are.

        `open_to_all`: people enroll themselves.
        """
        lessons = tuple(
            LessonOutline(f"Lesson {n}", weight=weight, required=n in required)
            for n, weight in enumerate(weights)
        )
        draft = CourseDraft(
            title="A course",
            code=secrets.token_hex(6),
            modules=(ModuleOutline("A module", lessons),),
            published=published,
            seats=seats,
            completion_percent=percent,
            awards_certificate=certifies,
            certificate_days=30 if certifies else None,
            self_enrollment=open_to_all,
        )
        async with self.work() as work:
            return await courses.create(work, draft)

    async def lessons(self, course: Course) -> list[Lesson]:
        async with self.work() as work:
            return await lesson_rows.find_by_courses(work.session, Scope(everything=True), [course.id])

    async def enrollment(self, user: User, course: Course) -> Enrollment:
        async with self.work() as work:
            return (await enrollments.enroll(work, user_id=user.id, course_id=course.id)).enrollment

    async def claimed(self, work: UnitOfWork) -> Run:
        """The next job: a test's, or one that a worker knows."""
        limits = allowance(self.organization, dict.fromkeys((*HANDLERS, "test"), 100))
        (run,) = await claim(work.session, limits)
        return run

    async def finished(self, work: UnitOfWork, run: Run) -> None:
        assert await job_run.finish(work.session, [run]) == {run.id}

    async def rows(self, table: str) -> list[dict[str, Any]]:
        async with self.work(read_only=True) as work:
            found = await work.session.fetch(EVERYTHING[table])
        return [msgspec.json.decode(row[0]) for row in found]

    async def state(self) -> str:
        """A digest of every row of the tenant: equal when nothing has changed."""
        async with self.work(read_only=True) as work:
            rows = {table: await work.session.fetch(EVERYTHING[table]) for table in TABLES}
        text = repr({table: [row[0] for row in found] for table, found in rows.items()})
        return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="session")
async def academy_settings(servers: Any) -> AsyncIterator[Settings]:
    """A database of its own, with one shard."""
    name = f"academy_{secrets.token_hex(4)}"
    await prepare_server(servers.admin_url, database=name)
    own = with_database(servers.admin_url, name)
    settings = Settings(
        database_url=with_role(own, CONTROL_ROLE),
        app_database_url=with_role(own, APP_ROLE),
        admin_database_url=with_role(own, OWNER_ROLE),
        redis_url=servers.redis_url,
        pool_size=10,
    )
    await migrate_all(settings)
    await create_home(settings, Location("app", SCHEMA))
    yield settings
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
async def parts(academy_settings: Settings) -> AsyncIterator[Parts]:
    opened = Parts(
        Databases(academy_settings),
        TenantCache(academy_settings.redis_url, secrets.token_bytes(16), patience=1.0),
        PubSub(academy_settings.redis_url),
        Outside(
            Catalog(academy_settings), Dns(academy_settings.dns_servers), academy_settings.platform_domain
        ),
    )
    yield opened
    await opened.outside.catalog.close()
    await opened.pubsub.close()
    await opened.cache.close()
    await opened.databases.close()


@pytest.fixture
def academy(parts: Parts) -> Academy:
    """A new tenant, with nothing in it."""
    return founded(parts)


@pytest.fixture
def rival(parts: Parts) -> Academy:
    """Another tenant in the same tables."""
    return founded(parts)


def founded(parts: Parts) -> Academy:
    """A new tenant of the shard, with nothing in it."""
    id_, now = new_id(), clock.now()
    organization = Organization(
        id=id_,
        name="Academy",
        slug=f"academy-{id_.hex[-8:]}",
        plan="GROWTH",
        status="active",
        locale="en",
        timezone="UTC",
        region=None,
        settings={},
        features={"advanced_analytics": True},
        created_at=now,
        updated_at=now,
        version=1,
        domain=None,
        shard=SCHEMA,
        mode="POOL",
        database="app",
        schema=SCHEMA,
        epoch=1,
    )
    return Academy(parts, organization)
