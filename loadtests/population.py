"""Organizations of any size, made and filled through the same functions as everybody's.

The same arguments give the same names, numbers and enrollments; only ids and moments differ.
"""

from collections.abc import Sequence
from itertools import product
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from harka.auth import api_key
from harka.auth.permissions import Role
from harka.learning import course, enrollment, lesson, progress, user
from harka.learning.course import CourseDraft
from harka.learning.enrollment import EnrollmentEntry
from harka.learning.outline import LessonKind, LessonOutline, ModuleOutline
from harka.learning.progress import ProgressEntry
from harka.learning.user import UserDraft
from harka.learning.work import unit_of_work
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.location import with_database
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant

LESSONS: Final = 10
"""Of each course, in its one module."""
_TIMEOUT: Final = 300.0
_KINDS: Final = tuple(LessonKind)
_STRIDE: Final = 7
"""Coprime to the numbers of courses used, so that a user's courses differ."""


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each. The first user is the owner, every hundredth an instructor; the rest learn."""

    users: int
    courses: int
    enrollments: int
    progress: int = 0

    def __post_init__(self) -> None:
        assert self.enrollments <= self.users * self.courses


class Filled(msgspec.Struct, frozen=True):
    """Ids in the order of creation; of enrollments (enrollment, user, course)."""

    users: list[UUID]
    courses: list[UUID]
    lessons: dict[UUID, list[UUID]]
    enrollments: list[tuple[UUID, UUID, UUID]]


async def found(
    runtime: Runtime, slug: str, *, plan: Plan, users: int, mode: Mode | None = None
) -> Organization:
    """A new organization with nothing in it. `mode`: None for what a size of `users` gets."""
    return await create_tenant(
        runtime.catalog,
        runtime.settings,
        name=f"Organization {slug}",
        slug=slug,
        plan=plan,
        users_expected=users,
        mode=mode,
    )


async def fill(runtime: Runtime, organization: Organization, size: Population) -> Filled:
    context = operator_context(organization, "loadtests")
    async with unit_of_work(
        runtime.databases, runtime.cache, runtime.pubsub, context, read_only=False, timeout=_TIMEOUT
    ) as work:
        users = await user.create_many(work, _users(organization.slug, size.users))
        courses = await course.create_many(work, [_course(number) for number in range(size.courses)])
        outlines = await lesson.by_course(work, [each.id for each in courses])
        lessons = {key: [row.id for row in rows] for key, rows in outlines.items()}
        user_ids, course_ids = [each.id for each in users], [each.id for each in courses]
        made = await enrollment.enroll_many(work, _enrollments(user_ids, course_ids, size.enrollments))
        await progress.record_many(
            work,
            [
                ProgressEntry(
                    enrollment_id=each.id,
                    lesson_id=lessons[each.course_id][number % LESSONS],
                    fraction=(number % 10 + 1) / 10,
                )
                for number, each in enumerate(made[: size.progress])
            ],
        )
    return Filled(user_ids, course_ids, lessons, [(each.id, each.user_id, each.course_id) for each in made])


async def make_key(runtime: Runtime, organization: Organization, scopes: Sequence[Permission]) -> str:
    made = await api_key.create(runtime.catalog, organization.id, name="load", scopes=scopes)
    return made.text


async def settle(admin_url: str) -> None:
    """What the server would do in its own time, done before anything is measured: in every database."""
    connection = await asyncpg.connect(admin_url)
    try:
        names = await connection.fetch("SELECT datname FROM pg_database WHERE datallowconn")
        for row in names:
            await _vacuum(with_database(admin_url, row["datname"]))
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _vacuum(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


def _users(slug: str, number: int) -> list[UserDraft]:
    return [
        UserDraft(name=f"Person {n}", email=f"person-{n}@{slug}.example", role=_role(n))
        for n in range(number)
    ]


def _role(number: int) -> Role:
    if number == 0:
        return Role.OWNER
    return Role.LEARNER if number % 100 else Role.INSTRUCTOR


def _course(number: int) -> CourseDraft:
    lessons = tuple(
        LessonOutline(
            title=f"Lesson {number}.{place}: a title of ordinary length",
            kind=_KINDS[(number + place) % len(_KINDS)],
            duration_minutes=None if place == LESSONS - 1 else 5 + (number + place) % 55,
            weight=0.5 + place,
        )
        for place in range(LESSONS)
    )
    return CourseDraft(
        title=f"Course {number}: a title of ordinary length",
        code=f"C-{number:04}",
        description=f"What course {number} is about, in a sentence or two. " * 4,
        modules=(ModuleOutline(f"Module of course {number}", lessons),),
        published=True,
    )


def _enrollments(users: list[UUID], courses: list[UUID], number: int) -> list[EnrollmentEntry]:
    """Everybody takes one course before anybody takes two."""
    pairs = (
        EnrollmentEntry(user_id=users[n], course_id=courses[(n * _STRIDE + turn) % len(courses)])
        for turn, n in product(range(len(courses)), range(len(users)))
    )
    return [pair for pair, _ in zip(pairs, range(number), strict=False)]
