"""A thousand courses, ten thousand lessons and what belongs to them, in memory, so that no database counts.

Everything else is the project's own: its schema, its permissions, its engine. Only the loaders' `fetch` and
the two lists that operations begin with answer from here.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from harka import rows
from harka.auth.hashing import Hasher
from harka.auth.key_rate import KeyRates
from harka.auth.principal import Authenticator
from harka.config import Settings
from harka.graph.execution import Engine
from harka.graph.loaders.course import CourseByCodeLoader, CourseByIdLoader
from harka.graph.loaders.lesson import LessonsByModuleLoader
from harka.graph.loaders.loader import Loader
from harka.graph.loaders.module import ModuleByIdLoader, ModulesByCourseLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.ids import NodeIds
from harka.learning import course as courses_rules
from harka.learning import enrollment as enrollments_rules
from harka.learning.work import UnitOfWork
from harka.metrics import Metrics
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.lesson import Lesson
from harka.repositories.module import Module
from harka.repositories.user import User
from harka.rows import Grouped
from harka.runtime import Runtime
from harka.storage.databases import Databases
from harka.tenancy.bodies import Bodies
from harka.tenancy.context import Actor, ActorKind, TenantContext
from harka.tenancy.gate import Gate
from harka.tenancy.permission import Permission
from harka.tenancy.quota import Admission
from records import oids, sent, uuid
from tenancy.samples import KEYRING, NOW, organization

COURSES: Final = 1_000
LESSONS: Final = 10
ENROLLMENTS: Final = 50
PAGE: Final = 100

_TIMES: Final = ["timestamptz", "timestamptz", "int8"]
_RULES: Final = ["int4", "int4", "bool", "int4"]  # how a course is completed
_KINDS: Final = {
    Course: ["uuid", *["text"] * 5, *["timestamptz"] * 2, *_RULES, "uuid", "bool", "int4", *_TIMES],
    Module: ["uuid", "uuid", "int4", "text", *_TIMES],
    Lesson: ["uuid", "uuid", "uuid", "int4", "text", "text", "int4", "float8", "bool", *_TIMES],
    Enrollment: ["uuid", "uuid", "uuid", "text", "float8", *["timestamptz"] * 5, *_TIMES],
    User: ["uuid", *["text"] * 6, *_TIMES, "uuid"],
}
_TAIL: Final = (NOW, NOW, 1)


def _id(kind: int, number: int) -> UUID:
    return UUID(int=(0x01890C3E << 96) | 7 << 76 | 2 << 62 | kind << 32 | number)


def _course(number: int) -> tuple[Any, ...]:
    words = f"C-{number:04}", f"course-{number}", f"Course {number}", "What it is about."
    return (_id(1, number), *words, "published", NOW, None, None, 100, False, None, None, False, 1, *_TAIL)


def _module(number: int) -> tuple[Any, ...]:
    return (_id(2, number), _id(1, number), 0, "Begin", *_TAIL)


def _lesson(number: int) -> tuple[Any, ...]:
    course, position = divmod(number, LESSONS)
    ids = _id(3, number), _id(1, course), _id(2, course)
    return (*ids, position, f"Lesson {position}", "video", 15, 1.0, False, *_TAIL)


def _enrollment(number: int) -> tuple[Any, ...]:
    ids = _id(4, number), _id(5, number), _id(1, number)
    return (*ids, "active", 0.25, NOW, None, None, None, None, *_TAIL)


def _user(number: int) -> tuple[Any, ...]:
    words = f"p{number}@example.com", f"Person {number}", "learner", "active"
    return (_id(5, number), *words, None, None, *_TAIL, None)


_MADE: Final[dict[type, tuple[Callable[[int], tuple[Any, ...]], int]]] = {
    Course: (_course, COURSES),
    Module: (_module, COURSES),
    Lesson: (_lesson, COURSES * LESSONS),
    Enrollment: (_enrollment, ENROLLMENTS),
    User: (_user, ENROLLMENTS),
}


def values_of(struct: type) -> list[tuple[Any, ...]]:
    make, count = _MADE[struct]
    return [make(number) for number in range(count)]


def sent_of(struct: type) -> tuple[list[int], bytes]:
    """As PostgreSQL sends them: the oids of their columns, and the messages."""
    return oids(_KINDS[struct]), sent(_KINDS[struct], values_of(struct))


def table_of(struct: type, *, plain: bool) -> Sequence[Any]:
    """`plain`: structs, ready made. Otherwise as statements answer."""
    if plain or not rows.COMPILED:
        return [struct(*values) for values in values_of(struct)]
    return rows.unpack(struct, *sent_of(struct), uuid)


class Library:
    """All tables, in one form or the other."""

    def __init__(self, *, plain: bool) -> None:
        self.tables = {struct: table_of(struct, plain=plain) for struct in _MADE}
        self._by_code = {row.code: row for row in self.tables[Course]}

    def answers(self) -> dict[type[Loader[Any, Any]], Callable[[list[Any]], Sequence[Any]]]:
        """What each loader answers to its keys."""
        courses, modules, lessons, users = (self.tables[struct] for struct in (Course, Module, Lesson, User))
        return {
            CourseByCodeLoader: lambda keys: [self._by_code.get(key) for key in keys],
            CourseByIdLoader: lambda keys: rows.aligned(courses, "id", keys),
            ModuleByIdLoader: lambda keys: rows.aligned(modules, "id", keys),
            ModulesByCourseLoader: lambda keys: rows.grouped(modules, "course_id", keys),
            LessonsByModuleLoader: lambda keys: rows.grouped(lessons, "module_id", keys),
            UserByIdLoader: lambda keys: rows.aligned(users, "id", keys),
        }

    def page(self, struct: type) -> Callable[..., Any]:
        """A list that operations begin with: each time the next page, whatever is asked."""
        table = self.tables[struct]
        starts = itertools.cycle(range(0, len(table), min(PAGE, len(table))))

        async def list_page(_work: UnitOfWork, *_only: Any, first: int, **_filters: Any) -> Sequence[Any]:
            start = next(starts)
            return table[start : start + first]

        return list_page


def _fetch(answer: Callable[[list[Any]], Sequence[Any]]) -> Callable[..., Any]:
    async def fetch(_loader: Loader[Any, Any], keys: list[Any]) -> Sequence[Any]:
        return answer(keys)

    return fetch


def tenant() -> TenantContext:
    actor = Actor(ActorKind.API_KEY, _id(6, 0))
    return TenantContext(organization=organization(), actor=actor, permissions=frozenset(Permission))


def engine(monkeypatch: pytest.MonkeyPatch, executor: str) -> Engine:
    """Over the library. `executor`: as `HARKA_EXECUTOR` has it; graphql-core gets structs, ready made."""
    library = Library(plain=executor != "compiled")
    for loader, answer in library.answers().items():
        monkeypatch.setattr(loader, "fetch", _fetch(answer))
    lessons = library.tables[Lesson]
    monkeypatch.setattr(LessonsByModuleLoader, "fetch_ahead", _fetch(lambda _: Grouped(lessons, "module_id")))
    monkeypatch.setattr(courses_rules, "list_page", library.page(Course))
    monkeypatch.setattr(enrollments_rules, "list_page", library.page(Enrollment))
    settings = Settings(database_url="postgresql://harka_control@localhost/harka", secret="00" * 32)
    return Engine(bare_runtime(msgspec.structs.replace(settings, executor=executor, cache_answers=False)))


def bare_runtime(settings: Settings, **parts: object) -> Runtime:
    """Of `parts` and what a request that asks no server touches; everything else is None."""
    needed: dict[str, object] = {
        "settings": settings,
        "databases": Databases(settings),
        "authenticator": Authenticator(settings),
        "key_rates": KeyRates(),
        "hasher": Hasher(),
        "keyring": KEYRING,
        "node_ids": NodeIds(KEYRING.node_id),
        "admission": Admission(),
        "gate": Gate(most=settings.max_concurrency, patience=settings.queue_patience),
        "bodies": Bodies(settings.max_concurrency),
        "metrics": Metrics(tenants=100),
    }
    every: dict[str, Any] = dict.fromkeys(Runtime.__struct_fields__) | needed | parts
    return Runtime(**every)
