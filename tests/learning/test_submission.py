import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.errors import (
    AssignmentRequiredError,
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    UnauthenticatedError,
    ValidationError,
)
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import (
    assignment,
    course,
    enrollment,
    file,
    lesson,
    progress,
    progress_batch,
    submission,
)
from harka.learning.assignment import AssignmentDraft
from harka.learning.course import CourseChanges
from harka.learning.file import UploadDraft
from harka.learning.lesson import LessonChanges
from harka.learning.progress import ProgressEntry
from harka.learning.submission import graded_topic
from harka.repositories.assignment import Assignment
from harka.repositories.enrollment import Enrollment
from harka.repositories.file import File
from harka.repositories.submission import Submission
from harka.repositories.user import User
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore((tmp_path / "files").as_uri(), bytes(32))


async def ask(academy: Academy, **given: Any) -> tuple[Assignment, User, Enrollment]:
    """An assignment, and who takes its course."""
    subject, learner = await academy.course(), await academy.user()
    taught = (await academy.lessons(subject))[0]
    async with academy.work() as work:
        draft = AssignmentDraft(**{"title": "Essay", "points": 10, **given})
        made = await assignment.create(work, taught.id, draft)
    return made, learner, await academy.enrollment(learner, subject)


async def hand_in(
    academy: Academy, asked: Assignment, person: User, enrolled: Enrollment, text: str = "Mine", **given: Any
) -> Submission:
    async with academy.work(academy.acting(person)) as work:
        return await submission.submit(
            work, enrollment_id=enrolled.id, assignment_id=asked.id, text=text, **given
        )


async def grade(
    academy: Academy, of: Submission, context: TenantContext | None = None, **given: Any
) -> Submission:
    async with academy.work(context) as work:
        return (
            await submission.grade(work, of.id, **{"score": 7, "version": of.version, **given})
        ).submission


async def uploaded(academy: Academy, store: FileStore, person: User) -> File:
    async with academy.work(academy.acting(person)) as work:
        draft = UploadDraft(name="a.txt", size=1, media_type="text/plain")
        begun = (await file.create_upload(work, store, draft)).file
        await store.write(academy.organization.id, file.path_of(begun.id), b"x")
        return await file.complete_upload(work, store, begun.id)


async def test_work_is_handed_in_anew_until_it_is_graded(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    first = await hand_in(academy, asked, learner, enrolled)
    # the assignment, the enrollment held, handed in, no files, the lesson begun
    assert academy.statements == 5
    second = await hand_in(academy, asked, learner, enrolled, " Better ")
    assert (second.id, second.text, second.version, second.is_late) == (first.id, "Better", 2, False)
    with pytest.raises(ConflictError):
        await grade(academy, first)
    instructor = await academy.user("instructor")
    graded = await grade(academy, second, academy.acting(instructor), feedback="Good")
    assert (graded.score, graded.feedback, graded.graded_by, graded.version) == (7, "Good", instructor.id, 3)
    state = await academy.state()
    with pytest.raises(ConflictError):
        await hand_in(academy, asked, learner, enrolled, "Too late")
    assert await academy.state() == state
    assert (await grade(academy, graded, score=8)).score == 8


async def test_handing_in_anew_may_say_what_was_seen(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    with pytest.raises(ConflictError):
        await hand_in(academy, asked, learner, enrolled, version=1)
    first = await hand_in(academy, asked, learner, enrolled, version=0)
    for stale in (0, 2):
        with pytest.raises(ConflictError):
            await hand_in(academy, asked, learner, enrolled, "Stale", version=stale)
    assert (await hand_in(academy, asked, learner, enrolled, "New", version=first.version)).version == 2


async def test_a_passing_grade_finishes_the_lesson_and_the_course(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy, pass_percent=70, completes_lesson=True)
    async with academy.work() as work:
        only = (await lesson.find_many(work, [asked.lesson_id]))[asked.lesson_id]
        await lesson.update(work, only.id, LessonChanges(required=True), version=only.version)
        held = (await course.find_many(work, [enrolled.course_id]))[enrolled.course_id]
        await course.update(work, held.id, CourseChanges(completion_percent=0), version=held.version)
    made = await hand_in(academy, asked, learner, enrolled)
    told: dict[str, Any] = {"enrollment_id": enrolled.id, "lesson_id": asked.lesson_id}
    entries = [ProgressEntry(**told, fraction=1), ProgressEntry(**told, fraction=0.5, score=100)]
    for entry in entries:
        with pytest.raises(AssignmentRequiredError):
            async with academy.work(academy.acting(learner)) as work:
                await progress.record(work, **msgspec.structs.asdict(entry))
    async with academy.work(academy.acting(learner)) as work:
        batch = await progress_batch.record(work, entries)
    assert [type(each.refused) for each in batch.fates] == [AssignmentRequiredError] * 2
    async with academy.work() as work:
        failed = await submission.grade(work, made.id, score=6.9, version=1)
    assert (failed.submission.passed, failed.completed) == (False, False)
    assert failed.enrollment is not None
    assert failed.enrollment.status == "active"
    async with academy.work() as work:
        passed = await submission.grade(work, made.id, score=7, version=2)
    # what is graded, the assignment, the enrollment held, the grade, the lesson, the course, what follows
    assert academy.statements <= 9
    assert passed.enrollment is not None
    assert passed.enrollment.status == "completed"
    assert (passed.submission.passed, passed.completed) == (True, True)
    (row,) = await academy.rows("lesson_progress")
    assert (row["fraction"], row["score"]) == (1.0, 70.0)
    async with academy.work() as work:
        lowered = await submission.grade(work, made.id, score=0, version=3)
    assert (lowered.submission.passed, lowered.completed) == (False, False)
    assert len(await academy.rows("completion")) == 1


async def test_a_grade_moves_nothing_where_it_does_not_finish_or_nobody_learns(academy: Academy) -> None:
    plain, learner, enrolled = await ask(academy)
    made = await hand_in(academy, plain, learner, enrolled)
    assert (await grade(academy, made, score=10)).passed
    finishing, other, left = await ask(academy, completes_lesson=True)
    handed = await hand_in(academy, finishing, other, left)
    async with academy.work() as work:
        await enrollment.unenroll(work, left.id)
        withdrawn = await submission.grade(work, handed.id, score=10, version=1)
    assert withdrawn.enrollment is not None
    assert withdrawn.enrollment.status == "withdrawn"
    assert {row["fraction"] for row in await academy.rows("lesson_progress")} == {0}
    assert await academy.rows("completion") == []


async def test_nobody_grades_their_own_work(academy: Academy) -> None:
    asked, _, learning = await ask(academy)
    for role in ("instructor", "owner"):
        grader = await academy.user(role)
        async with academy.work() as work:
            enrolled = (
                await enrollment.enroll(work, user_id=grader.id, course_id=learning.course_id)
            ).enrollment
        made = await hand_in(academy, asked, grader, enrolled)
        state = await academy.state()
        with pytest.raises(ConflictError) as caught:
            await grade(academy, made, academy.acting(grader))
        assert (caught.value.field, await academy.state()) == ("submissionId", state)
    assert (await grade(academy, made, academy.acting(await academy.user("instructor")))).score == 7


async def test_a_grade_is_told_to_who_listens(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    made = await hand_in(academy, asked, learner, enrolled)
    topic = graded_topic(enrolled.id)
    async with academy.parts.pubsub.subscribe(academy.organization.id, topic) as events:
        await grade(academy, made)
        async with asyncio.timeout(10):
            assert (await anext(events)).payload == {"submissionId": str(made.id)}


async def test_late_is_taken_and_told(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy, due_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert (await hand_in(academy, asked, learner, enrolled)).is_late


async def test_of_handing_in_and_grading_at_once_one_is_first(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    made = await hand_in(academy, asked, learner, enrolled)
    done = await asyncio.gather(
        *(hand_in(academy, asked, learner, enrolled, f"Version {n}") for n in range(5)),
        *(grade(academy, made, score=n) for n in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(each, Submission | ConflictError) for each in done)
    (row,) = await academy.rows("submission")
    assert row["version"] == 1 + sum(isinstance(each, Submission) for each in done)


async def test_files_are_ones_own_and_seen_by_graders(academy: Academy, store: FileStore) -> None:
    asked, learner, enrolled = await ask(academy, accepts="file")
    other = await academy.user()
    own, theirs = await uploaded(academy, store, learner), await uploaded(academy, store, other)
    for ids, error in (
        ([theirs.id], NotFoundError),
        ([new_id()], NotFoundError),
        ([own.id, own.id], ValidationError),
        ([], ValidationError),
    ):
        with pytest.raises(error) as refused:
            await hand_in(academy, asked, learner, enrolled, file_ids=ids)
        assert refused.value.field == "fileIds"
    made = await hand_in(academy, asked, learner, enrolled, file_ids=[own.id])
    instructor = academy.acting(await academy.user("instructor"))
    for context, seen in ((instructor, {own.id}), (academy.acting(other), {theirs.id})):
        async with academy.work(context, read_only=True) as work:
            assert set(await file.find_many(work, [own.id, theirs.id])) == seen
            found = await submission.files_by_submission(work, [made.id])
            assert [each.id for each in found.get(made.id, [])] == [each for each in [own.id] if each in seen]
    with pytest.raises(ConflictError):
        async with academy.work(academy.acting(learner)) as work:
            await file.delete(work, store, own.id, version=2)


@pytest.mark.parametrize(
    ("given", "field"), [({"text": " "}, "text"), ({"text": "\0"}, "text"), ({"text": "x" * 50_001}, "text")]
)
async def test_what_cannot_be_handed_in(academy: Academy, given: dict[str, Any], field: str) -> None:
    asked, learner, enrolled = await ask(academy)
    with pytest.raises(ValidationError) as refused:
        await hand_in(academy, asked, learner, enrolled, **given)
    assert refused.value.field == field
    assert await academy.rows("submission") == []


async def test_nobody_hands_in_for_others_or_elsewhere(academy: Academy, rival: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    elsewhere, _, _ = await ask(academy)
    manager = await academy.user("manager")
    state = await academy.state()
    cases: list[tuple[Academy, TenantContext, Any, type[HarkaError]]] = [
        (academy, academy.acting(manager), asked.id, NotFoundError),
        (academy, academy.operator, asked.id, NotFoundError),
        (academy, academy.acting(learner), elsewhere.id, NotFoundError),
        (academy, academy.acting(learner), new_id(), NotFoundError),
        (rival, rival.operator, asked.id, NotFoundError),
        (academy, academy.anonymous(), asked.id, UnauthenticatedError),
    ]
    for where, context, id_, error in cases:
        with pytest.raises(error):
            async with where.work(context) as work:
                await submission.submit(work, enrollment_id=enrolled.id, assignment_id=id_, text="X")
    assert await academy.state() == state


async def test_who_may_not_grade_changes_nothing(academy: Academy, rival: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    made = await hand_in(academy, asked, learner, enrolled)
    state = await academy.state()
    others = academy.key(*(set(Permission) - {Permission.SUBMISSION_GRADE}))
    for context in (academy.acting(learner), others):
        with pytest.raises(ForbiddenError):
            await grade(academy, made, context)
        assert academy.statements == 0
    with pytest.raises(NotFoundError):
        async with rival.work() as work:
            await submission.grade(work, made.id, score=1, version=1)
    for score in (-0.5, 10.5, float("nan"), float("inf")):
        with pytest.raises(ValidationError) as refused:
            await grade(academy, made, score=score)
        assert refused.value.field == "score"
    assert await academy.state() == state


async def test_lists_are_of_whom_the_reader_may_see(academy: Academy) -> None:
    asked, learner, enrolled = await ask(academy)
    other = await academy.user()
    course_id = enrolled.course_id
    async with academy.work() as work:
        second = (await enrollment.enroll(work, user_id=other.id, course_id=course_id)).enrollment
    made = [await hand_in(academy, asked, learner, enrolled), await hand_in(academy, asked, other, second)]
    await grade(academy, made[0])
    instructor = academy.acting(await academy.user("instructor"))
    for context, graded, expected in (
        (instructor, None, [made[0].id, made[1].id]),
        (instructor, True, [made[0].id]),
        (instructor, False, [made[1].id]),
        (academy.acting(other), None, [made[1].id]),
    ):
        async with academy.work(context, read_only=True) as work:
            found = await submission.page(work, asked.id, graded=graded, after=None, first=9)
            assert [each.id for each in found] == expected
            assert await submission.count(work, asked.id, graded=graded) == len(expected)
    async with academy.work(academy.acting(other), read_only=True) as work:
        assert {
            key: each.id for key, each in (await submission.own_by_assignment(work, [asked.id])).items()
        } == {asked.id: made[1].id}
        assert set(await submission.find_many(work, [each.id for each in made])) == {made[1].id}
