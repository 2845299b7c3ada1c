"""Strawberry as its documentation has it, in one file: an ASGI view, resolvers, a data loader for each edge.

`vanilla` is just that; `cached` adds what the documentation offers for speed: the caches of parsed and
validated documents, and orjson. Each request has one read-only transaction, with the tenant set in it.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache

S = os.environ["PEER_SCHEMA"]
USER = f'SELECT id, name, email, role, status, created_at FROM {S}."user" WHERE id = $1'  # noqa: S608 - a schema of our own making
USERS = f'SELECT id, name, email, role, status, created_at FROM {S}."user" WHERE id = ANY($1)'  # noqa: S608 - likewise
COURSES = f"SELECT id, code, title, status FROM {S}.course ORDER BY created_at, id LIMIT $1"  # noqa: S608 - likewise
COURSES_BY_ID = f"SELECT id, code, title, status FROM {S}.course WHERE id = ANY($1)"  # noqa: S608 - likewise
MODULES = f"SELECT id, course_id, title FROM {S}.module WHERE course_id = ANY($1) ORDER BY position, id"  # noqa: S608 - likewise
LESSONS = f"""SELECT id, module_id, title, kind, duration_minutes, weight FROM {S}.lesson
WHERE module_id = ANY($1) ORDER BY position, id"""  # noqa: S608 - likewise
ENROLLMENTS = f"""SELECT id, user_id, course_id, status, progress, enrolled_at FROM {S}.enrollment
ORDER BY created_at, id LIMIT $1"""  # noqa: S608 - likewise
ENROLLMENT_COUNT = f"SELECT count(*) FROM {S}.enrollment"  # noqa: S608 - likewise


@strawberry.enum
class Role(Enum):
    LEARNER = "learner"
    INSTRUCTOR = "instructor"
    MANAGER = "manager"
    ADMIN = "admin"
    OWNER = "owner"


@strawberry.enum
class UserStatus(Enum):
    ACTIVE = "active"
    INACTIVE = "inactive"


@strawberry.enum
class CourseStatus(Enum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@strawberry.enum
class LessonKind(Enum):
    READING = "reading"
    VIDEO = "video"
    AUDIO = "audio"
    LIVE = "live"
    QUIZ = "quiz"
    ASSIGNMENT = "assignment"
    EXAM = "exam"


@strawberry.enum
class EnrollmentStatus(Enum):
    ACTIVE = "active"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


@strawberry.type
class User:
    id: strawberry.ID
    name: str
    email: str
    role: Role
    status: UserStatus
    created_at: datetime

    @classmethod
    def of(cls, row: asyncpg.Record) -> "User":
        return cls(
            id=strawberry.ID(str(row["id"])),
            name=row["name"],
            email=row["email"],
            role=Role(row["role"]),
            status=UserStatus(row["status"]),
            created_at=row["created_at"],
        )


@strawberry.type
class Lesson:
    id: strawberry.ID
    title: str
    kind: LessonKind
    duration_minutes: int | None
    weight: float

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Lesson":
        return cls(
            id=strawberry.ID(str(row["id"])),
            title=row["title"],
            kind=LessonKind(row["kind"]),
            duration_minutes=row["duration_minutes"],
            weight=row["weight"],
        )


@strawberry.type
class Module:
    id: strawberry.ID
    title: str
    key: strawberry.Private[UUID]

    @strawberry.field
    async def lessons(self, info: strawberry.Info) -> list[Lesson]:
        return await info.context["loaders"].lessons.load(self.key)

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Module":
        return cls(id=strawberry.ID(str(row["id"])), title=row["title"], key=row["id"])


@strawberry.type
class Course:
    id: strawberry.ID
    code: str
    title: str
    status: CourseStatus
    key: strawberry.Private[UUID]

    @strawberry.field
    async def modules(self, info: strawberry.Info) -> list[Module]:
        return await info.context["loaders"].modules.load(self.key)

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Course":
        return cls(
            id=strawberry.ID(str(row["id"])),
            code=row["code"],
            title=row["title"],
            status=CourseStatus(row["status"]),
            key=row["id"],
        )


@strawberry.type
class Enrollment:
    id: strawberry.ID
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    user_key: strawberry.Private[UUID]
    course_key: strawberry.Private[UUID]

    @strawberry.field
    async def user(self, info: strawberry.Info) -> User | None:
        return await info.context["loaders"].users.load(self.user_key)

    @strawberry.field
    async def course(self, info: strawberry.Info) -> Course | None:
        return await info.context["loaders"].courses.load(self.course_key)

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Enrollment":
        return cls(
            id=strawberry.ID(str(row["id"])),
            status=EnrollmentStatus(row["status"]),
            progress=row["progress"],
            enrolled_at=row["enrolled_at"],
            user_key=row["user_id"],
            course_key=row["course_id"],
        )


@strawberry.type
class CourseConnection:
    nodes: list[Course]


@strawberry.type
class EnrollmentConnection:
    nodes: list[Enrollment]

    @strawberry.field
    async def total_count(self, info: strawberry.Info) -> int:
        return (await info.context["unit"].fetch(ENROLLMENT_COUNT))[0]["count"]


@strawberry.type
class Query:
    @strawberry.field
    async def user(self, info: strawberry.Info, id: strawberry.ID) -> User | None:  # noqa: A002 - the argument's name in the schema
        found = await info.context["unit"].fetch(USER, UUID(id))
        return User.of(found[0]) if found else None

    @strawberry.field
    async def courses(self, info: strawberry.Info, first: int) -> CourseConnection:
        found = await info.context["unit"].fetch(COURSES, first)
        return CourseConnection(nodes=[Course.of(row) for row in found])

    @strawberry.field
    async def enrollments(self, info: strawberry.Info, first: int) -> EnrollmentConnection:
        found = await info.context["unit"].fetch(ENROLLMENTS, first)
        return EnrollmentConnection(nodes=[Enrollment.of(row) for row in found])


class Unit:
    """The request's transaction. A connection takes one statement at a time, so resolvers take turns."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        async with self._lock:
            found: list[asyncpg.Record] = await self._connection.fetch(statement, *values)
            return found


class Loaders:
    """Made for each request."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.users = DataLoader(self._users)
        self.courses = DataLoader(self._courses)
        self.modules = DataLoader(self._modules)
        self.lessons = DataLoader(self._lessons)

    async def _users(self, keys: list[UUID]) -> list[User | None]:
        found = {row["id"]: User.of(row) for row in await self._unit.fetch(USERS, keys)}
        return [found.get(key) for key in keys]

    async def _courses(self, keys: list[UUID]) -> list[Course | None]:
        found = {row["id"]: Course.of(row) for row in await self._unit.fetch(COURSES_BY_ID, keys)}
        return [found.get(key) for key in keys]

    async def _modules(self, keys: list[UUID]) -> list[list[Module]]:
        grouped: defaultdict[UUID, list[Module]] = defaultdict(list)
        for row in await self._unit.fetch(MODULES, keys):
            grouped[row["course_id"]].append(Module.of(row))
        return [grouped[key] for key in keys]

    async def _lessons(self, keys: list[UUID]) -> list[list[Lesson]]:
        grouped: defaultdict[UUID, list[Lesson]] = defaultdict(list)
        for row in await self._unit.fetch(LESSONS, keys):
            grouped[row["module_id"]].append(Lesson.of(row))
        return [grouped[key] for key in keys]


class TenantTransaction(SchemaExtension):
    async def on_execute(self) -> AsyncIterator[None]:  # type: ignore[override] # an async hook, as documented
        context = self.execution_context.context
        request: Request = context["request"]
        pool: asyncpg.Pool = request.app.state.pool
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            tenant = request.headers["x-tenant"]
            await connection.execute("SELECT set_config('app.current_tenant', $1, true)", tenant)
            context["unit"] = unit = Unit(connection)
            context["loaders"] = Loaders(unit)
            yield


class View(GraphQL):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        return {"request": request, "response": response}


class OrjsonView(View):
    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    size = int(os.environ["PEER_POOL_SIZE"])
    async with asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], min_size=size, max_size=size) as pool:
        app.state.pool = pool
        yield


def application(view: View) -> Starlette:
    app = Starlette(lifespan=lifespan)
    app.add_route("/graphql", view)  # type: ignore[arg-type] # an ASGI application, as Strawberry documents it
    return app


vanilla = application(View(strawberry.Schema(Query, extensions=[TenantTransaction])))
cached = application(
    OrjsonView(strawberry.Schema(Query, extensions=[TenantTransaction, ParserCache(), ValidationCache()]))
)
