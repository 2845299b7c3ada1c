"""What a course asks for: a share of its lessons by weight, and every required one."""

import pytest

from academy import Academy
from harka.errors import ValidationError
from harka.learning import course, progress
from harka.learning.course import CourseChanges
from harka.queue.message import RECOUNT_COURSE


async def done_after(academy: Academy, *steps: tuple[int, float], **rule: object) -> list[bool]:
    """Whether the course is completed, after each step of a lesson and how far it is."""
    learner, subject = await academy.user(), await academy.course(**rule)  # type: ignore[arg-type]  # by name
    lessons, enrolled = await academy.lessons(subject), await academy.enrollment(learner, subject)
    found = []
    for lesson, fraction in steps:
        async with academy.work(academy.acting(learner)) as work:
            recorded = await progress.record(
                work, enrollment_id=enrolled.id, lesson_id=lessons[lesson].id, fraction=fraction
            )
        found.append(recorded.enrollment.status == "completed")
    return found


async def test_without_a_rule_all_lessons_that_count(academy: Academy) -> None:
    assert await done_after(academy, (0, 1), (1, 0.999999), (1, 1), weights=(1, 2, 0)) == [False, False, True]


async def test_a_share_of_the_lessons_by_weight(academy: Academy) -> None:
    assert await done_after(academy, (0, 1), (1, 0.5), weights=(1, 1, 1, 1), percent=37) == [False, True]
    assert await done_after(academy, (1, 0.99), (1, 1), weights=(1, 3), percent=75) == [False, True]


async def test_of_three_thirds_each_counts_exactly(academy: Academy) -> None:
    steps = ((0, 1), (1, 1), (2, 1))
    assert await done_after(academy, *steps, weights=(0.1, 0.1, 0.1), percent=100) == [False, False, True]


async def test_a_required_lesson_beside_the_share(academy: Academy) -> None:
    rule = {"weights": (1, 1, 0), "percent": 50, "required": (2,)}
    assert await done_after(academy, (0, 1), (2, 0.9), (2, 1), **rule) == [False, False, True]


async def test_required_lessons_alone(academy: Academy) -> None:
    rule = {"weights": (1, 1, 1), "percent": 0, "required": (0, 2)}
    assert await done_after(academy, (0, 1), (1, 1), (2, 1), **rule) == [False, False, True]


async def test_a_course_that_asks_for_nothing_is_not_completed(academy: Academy) -> None:
    assert await done_after(academy, (0, 1), (1, 1), percent=0) == [False, False]


async def test_a_new_rule_is_told_to_those_who_take_part(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    (lesson, _), enrolled = await academy.lessons(subject), await academy.enrollment(learner, subject)
    async with academy.work() as work:
        await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1)
        changed = await course.update(
            work, subject.id, CourseChanges(completion_percent=50), version=subject.version
        )
        assert await progress.recount(work, subject.id) == 1
    assert changed.completion_percent == 50
    assert [job["type"] for job in await academy.rows("job")] == [RECOUNT_COURSE]
    (row,) = await academy.rows("enrollment")
    assert (row["status"], row["progress"]) == ("completed", 0.5)
    async with academy.work() as work:
        await course.update(work, subject.id, CourseChanges(completion_percent=100), version=changed.version)
        assert await progress.recount(work, subject.id) == 0
    assert await academy.rows("enrollment") == [row]


@pytest.mark.parametrize("percent", [-1, 101])
async def test_an_impossible_share(academy: Academy, percent: int) -> None:
    with pytest.raises(ValidationError) as caught:
        await academy.course(percent=percent)
    assert caught.value.field == "completionPercent"
