"""People who enroll themselves, where a course lets them."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

import quizzes
from academy import Academy
from harka import clock
from harka.errors import (
    ConflictError,
    CourseFullError,
    ForbiddenError,
    NoAttemptLeftError,
    NotFoundError,
    ValidationError,
)
from harka.learning import completion, course, enrollment, own_enrollment, quiz_attempt
from harka.learning.completion import CompletionEntry
from harka.learning.course import CourseChanges
from harka.learning.enrollment import Enrolled, EnrollmentChanges
from harka.repositories.course import Course
from harka.repositories.quiz import Reveal
from harka.repositories.quiz_attempt import QuizAttempt
from harka.repositories.user import User
from harka.tenancy.permission import Permission

DUE = datetime(2027, 1, 1, tzinfo=UTC)


async def enroll(academy: Academy, who: User, subject: Course) -> Enrolled:
    async with academy.work(academy.acting(who)) as work:
        return await own_enrollment.enroll(work, subject.id, due_at=DUE)


async def test_who_comes_leaves_and_comes_again(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course(open_to_all=True)
    first, again = await enroll(academy, learner, subject), await enroll(academy, learner, subject)
    assert (first.created, again.created) == (True, False)
    assert first.enrollment == again.enrollment
    assert (first.enrollment.user_id, first.enrollment.due_at) == (learner.id, DUE)
    for _ in range(2):
        async with academy.work(academy.acting(learner)) as work:
            left = await own_enrollment.leave(work, first.enrollment.id)
        assert (left.status, left.version) == ("withdrawn", 2)
    told = [row["type"] for row in await academy.rows("event") if row["type"].startswith("enrollment")]
    assert sorted(told) == ["enrollment.created", "enrollment.withdrawn"]
    anew = await enroll(academy, learner, subject)
    assert anew.created
    assert anew.enrollment.id != first.enrollment.id


async def test_who_comes_again_has_no_more_attempts(academy: Academy) -> None:
    """Else what the last attempt reveals would be known before the one that counts."""
    of = await quizzes.taken(academy, allowed_attempts=2, reveal=Reveal.AFTER_LAST_ATTEMPT)
    async with academy.work() as work:
        (subject,) = (await course.find_many(work, [of.lesson.course_id])).values()
        changes = CourseChanges(self_enrollment=True)
        await course.update(work, subject.id, changes, version=subject.version)

    async def attempt(enrollment_id: UUID) -> QuizAttempt:
        async with academy.work(of.acting) as work:
            begun = await quiz_attempt.start(work, enrollment_id=enrollment_id, quiz_id=of.quiz.id)
            return (await quiz_attempt.submit(work, begun.attempt.id, [])).attempt

    async def told(attempt_id: UUID) -> bool:
        async with academy.work(of.acting, read_only=True) as work:
            asked = (await quiz_attempt.questions_by_attempt(work, [attempt_id]))[attempt_id]
        return any(each.is_correct is not None for each in asked)

    async def come_again(enrollment_id: UUID) -> UUID:
        async with academy.work(of.acting) as work:
            await own_enrollment.leave(work, enrollment_id)
        return (await enroll(academy, of.learner, subject)).enrollment.id

    first = await attempt(of.enrollment.id)
    second_enrollment = await come_again(of.enrollment.id)
    assert not await told(first.id)
    second = await attempt(second_enrollment)
    assert (first.number, second.number) == (1, 1)
    assert (await told(first.id), await told(second.id)) == (True, True)
    third_enrollment = await come_again(second_enrollment)
    for again in (second_enrollment, third_enrollment):
        before = await academy.state()
        with pytest.raises(ConflictError) as refused:
            await attempt(again)
        assert isinstance(refused.value, NoAttemptLeftError) == (again == third_enrollment)
        assert await academy.state() == before


async def test_an_attempt_that_was_left_open_counts(academy: Academy) -> None:
    of = await quizzes.taken(academy, allowed_attempts=2, reveal=Reveal.AFTER_LAST_ATTEMPT)
    async with academy.work(of.acting) as work:
        await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=of.quiz.id)
    async with academy.work() as work:
        await enrollment.unenroll(work, of.enrollment.id)
        given = {"user_id": of.learner.id, "course_id": of.lesson.course_id}
        anew = (await enrollment.enroll(work, **given)).enrollment
    async with academy.work(of.acting) as work:
        last = await quiz_attempt.start(work, enrollment_id=anew.id, quiz_id=of.quiz.id)
        await quiz_attempt.submit(work, last.attempt.id, [])
        with pytest.raises(NoAttemptLeftError):
            await quiz_attempt.start(work, enrollment_id=anew.id, quiz_id=of.quiz.id)
    async with academy.work(of.acting, read_only=True) as work:
        asked = (await quiz_attempt.questions_by_attempt(work, [last.attempt.id]))[last.attempt.id]
    # nothing can come of the other any more
    assert asked[0].is_correct is False


async def test_of_200_at_once_exactly_50_get_the_50_seats(academy: Academy) -> None:
    subject = await academy.course(seats=50, open_to_all=True)
    people = [await academy.user() for _ in range(200)]

    async def one(user: User) -> str:
        try:
            await enroll(academy, user, subject)
        except CourseFullError as error:
            return f"{error.code} {error.field}"
        return "seated"

    outcomes = Counter(await asyncio.gather(*map(one, people)))
    assert outcomes == {"seated": 50, "COURSE_FULL courseId": 150}
    assert len(await academy.rows("enrollment")) == 50


async def test_a_course_that_does_not_let_people_do_so(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    enrolled = await academy.enrollment(learner, subject)
    with pytest.raises(ValidationError) as refused:
        await enroll(academy, await academy.user(), subject)
    assert refused.value.field == "courseId"
    with pytest.raises(ConflictError):
        async with academy.work(academy.acting(learner)) as work:
            await own_enrollment.leave(work, enrolled.id)
    assert [row["status"] for row in await academy.rows("enrollment")] == ["active"]


async def test_what_is_not_there_for_them(academy: Academy, rival: Academy) -> None:
    learner = await academy.user()
    draft = await academy.course(published=False, open_to_all=True)
    foreign = await rival.course(open_to_all=True)
    for absent in (draft, foreign):
        with pytest.raises(NotFoundError):
            await enroll(academy, learner, absent)
    subject = await academy.course(open_to_all=True)
    theirs = await enroll(academy, await academy.user(), subject)
    with pytest.raises(NotFoundError):
        async with academy.work(academy.acting(learner)) as work:
            await own_enrollment.leave(work, theirs.enrollment.id)


async def test_access_that_has_ended_is_not_given_back_by_oneself(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course(open_to_all=True)
    enrolled = await enroll(academy, learner, subject)
    async with academy.work() as work:
        past = clock.now() - timedelta(seconds=1)
        await enrollment.update(work, enrolled.enrollment.id, EnrollmentChanges(expires_at=past))
    with pytest.raises(ConflictError):
        await enroll(academy, learner, subject)


async def test_leaving_what_has_changed_or_is_completed_is_a_conflict(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course(open_to_all=True)
    enrolled = await enroll(academy, learner, subject)
    with pytest.raises(ConflictError):
        async with academy.work(academy.acting(learner)) as work:
            await own_enrollment.leave(work, enrolled.enrollment.id, version=2)
    assert [row["status"] for row in await academy.rows("enrollment")] == ["active"]
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled.enrollment.id)])
    with pytest.raises(ConflictError):
        async with academy.work(academy.acting(learner)) as work:
            await own_enrollment.leave(work, enrolled.enrollment.id)
    assert [row["status"] for row in await academy.rows("enrollment")] == ["completed"]


async def test_a_program_takes_part_in_nothing(academy: Academy) -> None:
    subject = await academy.course(open_to_all=True)
    with pytest.raises(ForbiddenError):
        async with academy.work(academy.key(Permission.COURSE_READ)) as work:
            await own_enrollment.enroll(work, subject.id)
    with pytest.raises(ValidationError):
        async with academy.work(academy.key(*Permission)) as work:
            await own_enrollment.enroll(work, subject.id)


async def test_it_is_a_setting_of_the_course(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    async with academy.work() as work:
        changes = CourseChanges(self_enrollment=True)
        subject = await course.update(work, subject.id, changes, version=subject.version)
    assert subject.self_enrollment
    assert (await enroll(academy, learner, subject)).created
