from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import assignment, course, course_clone, quiz, submission
from harka.learning.assignment import MOST_ASSIGNMENTS, AssignmentChanges, AssignmentDraft
from harka.learning.quiz import QuizDraft
from harka.repositories.assignment import Assignment
from harka.repositories.lesson import Lesson
from harka.tenancy.permission import Permission

ESSAY = AssignmentDraft(
    title="Essay", instructions="Write.", points=10, due_at=datetime(2199, 1, 1, tzinfo=UTC), pass_percent=7
)


async def asked(academy: Academy, lesson: Lesson, draft: AssignmentDraft = ESSAY) -> Assignment:
    async with academy.work() as work:
        return await assignment.create(work, lesson.id, draft)


async def test_assignments_are_seen_by_who_takes_the_course(academy: Academy) -> None:
    subject = await academy.course()
    one, two = await academy.lessons(subject)
    learner, stranger = await academy.user(), await academy.user()
    await academy.enrollment(learner, subject)
    made = [await asked(academy, one), await asked(academy, one), await asked(academy, two)]
    # the lesson, the course held, those beside it, the new one
    assert academy.statements == 4
    ids = [each.id for each in made]
    for person, expected in ((learner, set(ids)), (stranger, set())):
        async with academy.work(academy.acting(person), read_only=True) as work:
            found = await assignment.by_lesson(work, [one.id, two.id])
            assert {each.id for rows in found.values() for each in rows} == expected
            assert set(await assignment.find_many(work, [*ids, new_id()])) == expected
    async with academy.work(read_only=True) as work:
        assert (await assignment.find_many(work, ids))[made[0].id] == made[0]


async def test_an_assignment_is_changed_and_taken_away(academy: Academy) -> None:
    lesson = (await academy.lessons(await academy.course()))[0]
    made = await asked(academy, lesson)
    async with academy.work() as work:
        changed = await assignment.update(work, made.id, AssignmentChanges(points=20, due_at=None), version=1)
    assert (changed.title, changed.points, changed.due_at, changed.version) == ("Essay", 20, None, 2)
    for attempt in (
        lambda work: assignment.update(work, made.id, AssignmentChanges(points=30), version=1),
        lambda work: assignment.delete(work, made.id, version=1),
    ):
        with pytest.raises(ConflictError):
            async with academy.work() as work:
                await attempt(work)
    async with academy.work() as work:
        await assignment.delete(work, made.id, version=2)
    assert await academy.rows("assignment") == []


async def test_what_somebody_worked_for_stays(academy: Academy) -> None:
    subject, learner = await academy.course(), await academy.user()
    made = await asked(academy, (await academy.lessons(subject))[0])
    enrolled = await academy.enrollment(learner, subject)
    async with academy.work(academy.acting(learner)) as work:
        await submission.submit(work, enrollment_id=enrolled.id, assignment_id=made.id, text="Done")
    state = await academy.state()
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await assignment.delete(work, made.id, version=1)
    assert await academy.state() == state


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "\0"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"instructions": "x" * 50_001}, "instructions"),
        ({"points": 0}, "points"),
        ({"points": 1001}, "points"),
        ({"accepts": "song"}, "accepts"),
        ({"pass_percent": -1}, "passPercent"),
        ({"pass_percent": 101}, "passPercent"),
        ({"due_at": datetime(2300, 1, 1, tzinfo=UTC)}, "dueAt"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(
    academy: Academy, given: dict[str, Any], field: str
) -> None:
    lesson = (await academy.lessons(await academy.course()))[0]
    with pytest.raises(ValidationError) as refused:
        await asked(academy, lesson, msgspec.structs.replace(ESSAY, **given))
    assert (refused.value.field, academy.statements) == (field, 0)


async def test_who_may_not_or_may_no_more(academy: Academy, rival: Academy) -> None:
    subject = await academy.course()
    lesson = (await academy.lessons(subject))[0]
    others = academy.key(*(set(Permission) - {Permission.COURSE_WRITE}))
    for where, context, error in ((academy, others, ForbiddenError), (rival, rival.operator, NotFoundError)):
        with pytest.raises(error):
            async with where.work(context) as work:
                await assignment.create(work, lesson.id, ESSAY)
    for _ in range(MOST_ASSIGNMENTS):
        await asked(academy, lesson)
    with pytest.raises(ValidationError):
        await asked(academy, lesson)
    async with academy.work() as work:
        await course.archive(work, subject.id)
    with pytest.raises(ConflictError):
        await asked(academy, (await academy.lessons(subject))[1])


async def test_one_thing_finishes_a_lesson(academy: Academy) -> None:
    lesson = (await academy.lessons(await academy.course()))[0]
    finishing = msgspec.structs.replace(ESSAY, completes_lesson=True)
    first = await asked(academy, lesson, finishing)
    other = await asked(academy, lesson)
    on = AssignmentChanges(completes_lesson=True)
    asking_quiz = QuizDraft(title="Q", completes_lesson=True)
    for attempt in (
        lambda work: assignment.create(work, lesson.id, finishing),
        lambda work: assignment.update(work, other.id, on, version=1),
        lambda work: quiz.create(work, lesson.id, asking_quiz),
    ):
        with pytest.raises(ValidationError) as refused:
            async with academy.work() as work:
                await attempt(work)
        assert refused.value.field == "completesLesson"
    async with academy.work() as work:
        await assignment.update(work, first.id, AssignmentChanges(completes_lesson=False), version=1)
        await quiz.create(work, lesson.id, asking_quiz)
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await assignment.update(work, other.id, on, version=1)


async def test_a_copied_course_asks_for_the_same(academy: Academy) -> None:
    source = await academy.course()
    await asked(academy, (await academy.lessons(source))[0])
    async with academy.work() as work:
        copy = await course_clone.clone(work, source.id, code="COPY")
    lesson = (await academy.lessons(copy))[0]
    async with academy.work(read_only=True) as work:
        (found,) = (await assignment.by_lesson(work, [lesson.id]))[lesson.id]
    copied = {name: getattr(found, name) for name in AssignmentDraft.__struct_fields__}
    assert copied == msgspec.structs.asdict(ESSAY)
