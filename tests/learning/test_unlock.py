from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, ForbiddenError, LessonLockedError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, module, progress, progress_batch, unlock
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.progress import ProgressEntry
from harka.learning.unlock import LATEST_DAY, MOST_REQUIRED, UnlockRules
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.lesson import Lesson
from harka.repositories.unlock import Lock, Unlock
from harka.repositories.user import User

LATER = datetime(2199, 1, 1, tzinfo=UTC)


class Class:
    """A course of modules A (two lessons, one of them optional), B and C, and somebody in it."""

    def __init__(
        self, academy: Academy, of: Course, lessons: Sequence[Lesson], learner: User, enrolled: Enrollment
    ) -> None:
        self.academy, self.course, self.learner, self.enrolled = academy, of, learner, enrolled
        self.a, self.optional, self.b, self.c = [each.id for each in lessons]
        self.A, self.B, self.C = dict.fromkeys(each.module_id for each in lessons)

    async def require(self, module_id: UUID, version: int = 1, **rules: Any) -> None:
        async with self.academy.work() as work:
            await unlock.set_rules(work, module_id, UnlockRules(**rules), version=version)

    async def locks(self, user: User | None = None) -> dict[UUID, Lock]:
        context = self.academy.acting(user or self.learner)
        async with self.academy.work(context, read_only=True) as work:
            return await unlock.locks(work, [self.A, self.B, self.C])

    async def record(self, lesson_id: UUID, fraction: float = 1.0) -> None:
        async with self.academy.work(self.academy.acting(self.learner)) as work:
            await progress.record(
                work, enrollment_id=self.enrolled.id, lesson_id=lesson_id, fraction=fraction
            )

    async def batch(self, *lesson_ids: UUID, fraction: float = 1.0) -> list[str | None]:
        entries = [
            ProgressEntry(enrollment_id=self.enrolled.id, lesson_id=id_, fraction=fraction)
            for id_ in lesson_ids
        ]
        async with self.academy.work(self.academy.acting(self.learner)) as work:
            done = await progress_batch.record(work, entries)
        return [None if fate.refused is None else fate.refused.code for fate in done.fates]


@pytest.fixture
async def taught(academy: Academy) -> Class:
    modules = (
        ModuleOutline("A", (LessonOutline("a"), LessonOutline("optional", weight=0))),
        ModuleOutline("B", (LessonOutline("b"),)),
        ModuleOutline("C", (LessonOutline("c"),)),
    )
    async with academy.work() as work:
        of = await course.create(work, CourseDraft(title="X", code="X", modules=modules, published=True))
    learner = await academy.user()
    return Class(academy, of, await academy.lessons(of), learner, await academy.enrollment(learner, of))


async def test_without_rules_everything_is_open(taught: Class) -> None:
    assert await taught.locks() == {}
    await taught.record(taught.c)


async def test_a_module_opens_once_another_is_completed(taught: Class) -> None:
    await taught.require(taught.B, requires=[taught.A])
    assert await taught.locks() == {taught.B: Lock(taught.B, None, [taught.A])}
    before = await taught.academy.state()
    with pytest.raises(LessonLockedError) as refused:
        await taught.record(taught.b)
    assert (refused.value.field, await taught.academy.state()) == ("lessonId", before)
    # not yet done; and what is optional does not matter
    await taught.record(taught.a, 0.99)
    with pytest.raises(LessonLockedError):
        await taught.record(taught.b)
    await taught.record(taught.a)
    assert await taught.locks() == {}
    await taught.record(taught.b)


async def test_what_has_rules_costs_one_statement_more(taught: Class) -> None:
    await taught.record(taught.a)
    plain = taught.academy.statements
    await taught.require(taught.B, requires=[taught.A])
    await taught.record(taught.b)
    assert (plain, taught.academy.statements) == (3, 4)


async def test_a_module_opens_at_a_time(taught: Class) -> None:
    await taught.require(taught.B, opens_at=LATER)
    await taught.require(taught.C, opens_at=clock.now() - timedelta(seconds=1))
    assert await taught.locks() == {taught.B: Lock(taught.B, LATER, [])}
    assert await taught.batch(taught.b, taught.c) == ["LESSON_LOCKED", None]


async def test_a_module_opens_days_after_enrollment(taught: Class) -> None:
    await taught.require(taught.B, opens_after_days=2)
    await taught.require(taught.C, opens_after_days=0)
    opens_at = taught.enrolled.enrolled_at + timedelta(days=2)
    assert await taught.locks() == {taught.B: Lock(taught.B, opens_at, [])}
    with pytest.raises(LessonLockedError):
        await taught.record(taught.b)
    await taught.record(taught.c)


async def test_who_is_not_enrolled_has_completed_nothing_and_authors_see_everything(taught: Class) -> None:
    await taught.require(taught.B, opens_after_days=0)
    await taught.require(taught.C, requires=[taught.A])
    stranger = await taught.academy.user("instructor")
    assert set(await taught.locks(stranger)) == {taught.B, taught.C}
    assert await taught.locks(await taught.academy.user("manager")) == {}


async def test_another_learner_opens_nothing_for_me(taught: Class) -> None:
    await taught.require(taught.B, requires=[taught.A])
    await taught.record(taught.a)
    other = await taught.academy.user()
    await taught.academy.enrollment(other, taught.course)
    assert set(await taught.locks(other)) == {taught.B}
    assert await taught.locks() == {}


async def test_a_phone_may_finish_a_module_and_the_next_while_it_is_offline(taught: Class) -> None:
    await taught.require(taught.B, requires=[taught.A])
    await taught.require(taught.C, requires=[taught.B])
    assert await taught.batch(taught.c, taught.b, taught.a) == [None, None, None]
    # the entries, held twice over; the rules; written, and counted; completed, which holds the person,
    # and may lead on along a path
    assert taught.academy.statements == 8


async def test_what_is_refused_opens_nothing_in_a_batch(taught: Class) -> None:
    await taught.require(taught.B, requires=[taught.A])
    await taught.require(taught.C, requires=[taught.B])
    assert await taught.batch(taught.b, taught.c) == ["LESSON_LOCKED", "LESSON_LOCKED"]
    assert await taught.batch(taught.a, taught.b, fraction=0.5) == [None, "LESSON_LOCKED"]
    assert [row["fraction"] for row in await taught.academy.rows("lesson_progress")] == [0.5]


async def test_rules_take_the_place_of_those_before(taught: Class) -> None:
    await taught.require(taught.C, requires=[taught.B, taught.A, taught.A], opens_after_days=3)
    await taught.require(taught.C, version=2, requires=[taught.B], opens_at=LATER)
    async with taught.academy.work(read_only=True) as work:
        assert await unlock.by_module(work, [taught.B, taught.C]) == {
            taught.C: Unlock(taught.C, LATER, None, [taught.B])
        }
    assert taught.academy.statements == 1
    await taught.require(taught.C, version=3)
    async with taught.academy.work(read_only=True) as work:
        assert await unlock.by_module(work, [taught.C]) == {}
    assert await taught.academy.rows("module_prerequisite") == []


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"opens_after_days": -1}, "opensAfterDays"),
        ({"opens_after_days": LATEST_DAY + 1}, "opensAfterDays"),
        ({"opens_at": datetime(1, 1, 1, tzinfo=UTC)}, "opensAt"),
        ({"requires": [new_id() for _ in range(MOST_REQUIRED + 1)]}, "requiredModuleIds"),
        ({"requires": [new_id()]}, "requiredModuleIds"),
        ({"requires": ["B"]}, "requiredModuleIds"),
        ({"requires": ["C"]}, "requiredModuleIds"),
    ],
)
async def test_what_cannot_be_a_rule_is_refused_by_field(
    taught: Class, rules: dict[str, Any], field: str
) -> None:
    requires = [
        getattr(taught, each) if isinstance(each, str) else each for each in rules.get("requires", ())
    ]
    before = await taught.academy.state()
    with pytest.raises(ValidationError) as refused:
        await taught.require(taught.B, **{**rules, "requires": requires})
    assert (refused.value.field, await taught.academy.state()) == (field, before)


async def test_a_module_stays_behind_those_it_requires(taught: Class) -> None:
    await taught.require(taught.B, requires=[taught.A])
    before = await taught.academy.state()
    with pytest.raises(ValidationError):
        async with taught.academy.work() as work:
            await module.reorder(work, taught.course.id, [taught.B, taught.A, taught.C], version=1)
    assert await taught.academy.state() == before
    async with taught.academy.work() as work:
        await module.reorder(work, taught.course.id, [taught.A, taught.C, taught.B], version=1)


async def test_what_required_a_module_that_is_gone_does_so_no_more(taught: Class) -> None:
    await taught.require(taught.B, requires=[taught.A])
    async with taught.academy.work() as work:
        await module.delete(work, taught.A, version=1)
    assert await taught.locks() == {}


async def test_who_may_not_is_refused_and_changes_nothing(taught: Class, rival: Academy) -> None:
    academy = taught.academy
    refusals = [
        (academy, academy.acting(taught.learner), 1, ForbiddenError),
        (academy, academy.operator, 2, ConflictError),
        (rival, rival.operator, 1, NotFoundError),
    ]
    before = await academy.state()
    for where, context, version, error in refusals:
        with pytest.raises(error):
            async with where.work(context) as work:
                await unlock.set_rules(work, taught.B, UnlockRules(opens_at=LATER), version=version)
    assert await academy.state() == before
