"""Many entries at once, each with its own fate: the order, repeats and the company do not matter."""

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from academy import Academy
from harka import clock
from harka.errors import HarkaError, InvalidIdError, ValidationError
from harka.ids import new_id
from harka.learning import enrollment, progress, progress_batch
from harka.learning.lesson import LessonChanges
from harka.learning.lesson import update as update_lesson
from harka.learning.progress import ProgressEntry
from harka.learning.progress_batch import MOST, Batch
from harka.repositories.enrollment import Enrollment
from harka.repositories.lesson import Lesson
from harka.repositories.user import User


class Ground:
    """A learner in a course of four lessons."""

    def __init__(self, user: User, taken: Enrollment, lessons: list[Lesson]) -> None:
        self.user, self.taken, self.lessons = user, taken, lessons

    def entry(self, lesson: int = 0, fraction: float = 1, **values: Any) -> ProgressEntry:
        given = {"enrollment_id": self.taken.id, "lesson_id": self.lessons[lesson].id} | values
        return ProgressEntry(fraction=fraction, **given)


@pytest.fixture
async def ground(academy: Academy) -> Ground:
    user, course = await academy.user(), await academy.course(weights=(1, 1, 1, 1))
    return Ground(user, await academy.enrollment(user, course), await academy.lessons(course))


async def recorded(academy: Academy, *entries: ProgressEntry | HarkaError, by: User | None = None) -> Batch:
    async with academy.work(None if by is None else academy.acting(by)) as work:
        return await progress_batch.record(work, entries)


async def kept(academy: Academy) -> dict[UUID, tuple[float, float | None]]:
    rows = await academy.rows("lesson_progress")
    return {UUID(row["lesson_id"]): (row["fraction"], row["score"]) for row in rows}


async def test_a_clock_that_is_before_the_enrollment_is_not_believed(
    academy: Academy, ground: Ground
) -> None:
    early = ground.taken.enrolled_at - timedelta(days=20_000)
    batch = await recorded(academy, *(ground.entry(n, occurred_at=early) for n in range(4)), by=ground.user)
    (done,) = batch.enrollments
    assert done.completed_at is not None
    assert done.completed_at >= ground.taken.enrolled_at


def codes(batch: Batch) -> list[str | None]:
    return [None if fate.refused is None else fate.refused.code for fate in batch.fates]


async def test_each_entry_has_its_own_fate(academy: Academy, rival: Academy, ground: Ground) -> None:
    other = await academy.user()
    course = await academy.course()
    theirs = await academy.enrollment(other, course)
    (elsewhere, *_) = await academy.lessons(course)
    left = await academy.enrollment(ground.user, course)
    async with academy.work() as work:
        await enrollment.unenroll(work, left.id)
    foreign = await rival.enrollment(await rival.user(), await rival.course())

    batch = await recorded(
        academy,
        ground.entry(0),
        ground.entry(1, fraction=1.5),
        ground.entry(1, score=101),
        ground.entry(1, occurred_at=clock.now() + timedelta(days=2)),
        InvalidIdError(field="lessonId"),
        ground.entry(enrollment_id=theirs.id, lesson_id=elsewhere.id),
        ground.entry(enrollment_id=foreign.id),
        ground.entry(enrollment_id=new_id()),
        ground.entry(lesson_id=elsewhere.id),
        ground.entry(enrollment_id=left.id, lesson_id=elsewhere.id),
        ground.entry(2, fraction=0.5),
        by=ground.user,
    )

    assert codes(batch) == [
        None,
        *["VALIDATION_FAILED"] * 3,
        "INVALID_ID",
        *["NOT_FOUND"] * 4,
        "CONFLICT",
        None,
    ]
    assert [fate.changed for fate in batch.fates] == [True, *[False] * 9, True]
    assert [(each.id, each.progress) for each in batch.enrollments] == [(ground.taken.id, 0.375)]
    assert await kept(academy) == {ground.lessons[0].id: (1, None), ground.lessons[2].id: (0.5, None)}


@pytest.mark.parametrize("count", [1, 4, 300])
async def test_many_entries_cost_as_much_as_one(academy: Academy, ground: Ground, count: int) -> None:
    await recorded(academy, *(ground.entry(n % 4, fraction=(n + 1) / 301) for n in range(count)))
    assert academy.statements == 4


async def test_the_same_batch_again_changes_nothing(academy: Academy, ground: Ground) -> None:
    entries = [ground.entry(n, score=10 * n) for n in range(4)]
    first = await recorded(academy, *entries)
    assert [each.status for each in first.enrollments] == ["completed"]
    state = await academy.state()
    again = await recorded(academy, *entries)
    assert [fate.changed for fate in again.fates] == [False] * 4
    assert codes(again) == [None] * 4
    assert again.enrollments == []
    assert await academy.state() == state


async def test_neither_order_nor_batches_matter(academy: Academy, ground: Ground) -> None:
    """What is kept is the furthest of each lesson, whoever said it, whenever it came."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    entries = [
        ground.entry(chance.randrange(4), chance.random(), score=chance.random() * 100) for _ in range(120)
    ]
    parts = [entries[start : start + 15] for start in range(0, len(entries), 15)]

    await asyncio.gather(*(recorded(academy, *part) for part in parts))

    furthest = []
    found = await kept(academy)
    for lesson in ground.lessons:
        of = [entry for entry in entries if entry.lesson_id == lesson.id]
        furthest.append(max(entry.fraction for entry in of))
        assert found[lesson.id][0] == pytest.approx(furthest[-1], abs=1e-6)
        assert found[lesson.id][1] == max(entry.score or 0 for entry in of)
    (row,) = await academy.rows("enrollment")
    assert row["progress"] == pytest.approx(sum(furthest) / 4, abs=1e-5)


async def test_of_many_things_said_of_an_enrollment_its_listeners_hear_once(
    academy: Academy, ground: Ground
) -> None:
    pubsub = academy.parts.pubsub
    async with pubsub.subscribe(academy.organization.id, f"progress:{ground.taken.id}") as events:
        await recorded(academy, *(ground.entry(n) for n in range(3)))
        await recorded(academy, ground.entry(3, fraction=0.5))
        told = [(await anext(events)).payload["progress"] for _ in range(2)]
    assert told == [0.75, 0.875]


async def test_when_all_is_refused_nothing_is_written(academy: Academy, ground: Ground) -> None:
    state = await academy.state()
    batch = await recorded(academy, ground.entry(fraction=2), ground.entry(enrollment_id=new_id()))
    assert codes(batch) == ["VALIDATION_FAILED", "NOT_FOUND"]
    assert (await recorded(academy)).fates == []
    assert await academy.state() == state


async def test_a_batch_has_an_end(academy: Academy, ground: Ground) -> None:
    with pytest.raises(ValidationError) as caught:
        await recorded(academy, *[ground.entry()] * (MOST + 1))
    assert caught.value.field == "entries"
    assert academy.statements == 0
    assert len((await recorded(academy, *[ground.entry()] * MOST)).fates) == MOST


async def test_where_nothing_was_marked_the_completion_has_no_score(academy: Academy, ground: Ground) -> None:
    await recorded(academy, *(ground.entry(n) for n in range(4)), by=ground.user)
    assert [row["score"] for row in await academy.rows("completion")] == [None]


@pytest.mark.parametrize("kind", ["quiz", "assignment", "exam", "reading"])
async def test_nobody_marks_an_exam_themselves(academy: Academy, ground: Ground, kind: str) -> None:
    async with academy.work() as work:
        await update_lesson(work, ground.lessons[0].id, LessonChanges(kind=kind), version=1)
    marked = ground.entry(fraction=0.5, score=100)
    if kind == "reading":
        # what the lesson shows may report a score of its own
        assert (await recorded(academy, marked, by=ground.user)).fates[0].changed
        return
    before = await academy.state()
    (fate,) = (await recorded(academy, marked, by=ground.user)).fates
    given = {"enrollment_id": ground.taken.id, "lesson_id": ground.lessons[0].id}
    with pytest.raises(ValidationError) as caught:
        async with academy.work(academy.acting(ground.user)) as work:
            await progress.record(work, **given, fraction=0.5, score=100)
    assert isinstance(fate.refused, ValidationError)
    assert (fate.refused.field, caught.value.field) == ("score", "score")
    assert await academy.state() == before
    # who enrolls people may; and without a mark it is the learner's
    manager = await academy.user("manager")
    assert (await recorded(academy, marked, by=manager)).fates[0].changed
    assert (await recorded(academy, ground.entry(), by=ground.user)).fates[0].changed
    assert await kept(academy) == {ground.lessons[0].id: (1, 100)}
