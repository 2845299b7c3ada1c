"""Tenants that look alike and differ in one secret word: whoever sees another's word has found a leak."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from harka import clock
from harka.auth import api_key, token
from harka.learning import course, enrollment, lesson, progress, user
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import signing_key as signing_keys
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission

PEOPLE = (("ada@example.com", "owner"), ("bob@example.com", "instructor"), ("cyd@example.com", "learner"))
CODES = ("MATH-1", "BIO-2", "ART-3")


@dataclass
class World:
    """One tenant, how to speak as it, and everything that may never be seen elsewhere."""

    organization: Organization
    canary: str
    owner: str = ""
    learner: str = ""
    api_key: str = ""
    raw: set[str] = field(default_factory=set)
    enrollment: UUID = field(default_factory=lambda: UUID(int=0))
    lesson: UUID = field(default_factory=lambda: UUID(int=0))
    ids: dict[str, set[str]] = field(default_factory=dict)
    cursors: dict[str, set[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.organization.slug

    def id_of(self, type_name: str) -> str:
        return min(self.ids[type_name])

    def all_ids(self) -> Iterator[tuple[str, str]]:
        """One id of each type."""
        for type_name in sorted(self.ids):
            yield type_name, self.id_of(type_name)

    def all_cursors(self) -> list[str]:
        return sorted(min(found) for found in self.cursors.values())

    def secrets(self) -> set[str]:
        """Whatever must not appear in an answer or a log line of another tenant."""
        ids = {id_ for found in self.ids.values() for id_ in found}
        cursors = {cursor for found in self.cursors.values() for cursor in found}
        return {self.canary, self.organization.slug, *self.raw, *ids, *cursors}

    def learn(self, answer: Any) -> None:
        """Collect ids and cursors from an answer of the tenant's own."""
        for type_name, key, value in _leaves(answer):
            if key.rpartition("_")[2] == "id" and isinstance(value, str):
                self.ids.setdefault(type_name, set()).add(value)
            elif key.lower().endswith("cursor") and isinstance(value, str):
                self.cursors.setdefault(type_name, set()).add(value)


def _leaves(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(value.get("__typename", "")), key, inner
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


async def populate(runtime: Runtime, organization: Organization) -> World:
    """The same people, codes and slugs in every tenant; only the words differ."""
    world = World(organization, canary=f"canary{secrets.token_hex(8)}")
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        operator_context(organization),
        read_only=False,
        timeout=30,
    ) as work:
        people = await user.create_many(
            work,
            [UserDraft(email=email, name=f"{role} {world.canary}", role=role) for email, role in PEOPLE],
        )
        await _study(work, world, [person.id for person in people])
    raw = [organization.id, *(person.id for person in people)]
    world.raw |= {text for id_ in raw for text in (str(id_), id_.hex)}
    world.owner = await _token(runtime, world, people[0].id)
    world.learner = await _token(runtime, world, people[2].id)
    made = await api_key.create(
        runtime.catalog, organization.id, name="matrix", scopes=[str(each) for each in Permission]
    )
    world.api_key = made.text
    await runtime.directory.refresh()
    return world


async def _study(work: UnitOfWork, world: World, people: list[UUID]) -> None:
    courses = await course.create_many(work, [_draft(code, world.canary) for code in CODES])
    lessons = await _lessons(work, [each.id for each in courses])
    entries = [
        enrollment.EnrollmentEntry(user_id=person, course_id=each.id) for person in people for each in courses
    ]
    enrolled = await enrollment.enroll_many(work, entries)
    world.enrollment, world.lesson = enrolled[-1].id, lessons[enrolled[-1].course_id][0]
    for done in enrolled[::2]:
        for lesson_id in lessons[done.course_id]:
            await progress.record(work, enrollment_id=done.id, lesson_id=lesson_id, fraction=1.0, score=80.0)
    ids: Iterable[UUID] = [each.id for each in [*courses, *enrolled]]
    world.raw |= {text for id_ in ids for text in (str(id_), id_.hex)}


def _draft(code: str, canary: str) -> CourseDraft:
    return CourseDraft(
        title=f"{code} {canary}",
        code=code,
        description=f"Everything about {canary}",
        modules=(ModuleOutline(f"First {canary}", (LessonOutline(f"One {canary}"), LessonOutline("Two"))),),
        published=True,
    )


async def _lessons(work: UnitOfWork, courses: list[UUID]) -> dict[UUID, list[UUID]]:
    found = await lesson.by_course(work, courses)
    return {course_id: [each.id for each in rows] for course_id, rows in found.items()}


async def _token(runtime: Runtime, world: World, user_id: UUID) -> str:
    key = await signing_keys.find_current(runtime.catalog, world.organization.id)
    assert key is not None
    return token.issue(
        key,
        runtime.keyring,
        runtime.settings,
        user=user_id,
        lifetime=timedelta(hours=1),
        now=clock.now(),
    )
