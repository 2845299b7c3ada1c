"""When somebody should be done, and until when they have access."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import bulk_change, bulk_enrollment, enrollment, progress, progress_batch
from harka.learning.bulk_enrollment import OnError
from harka.learning.enrollment import EnrollmentChanges, EnrollmentEntry
from harka.learning.progress import ProgressEntry
from harka.learning.work import UnitOfWork
from harka.repositories.enrollment import Enrollment
from harka.tenancy.permission import Permission

DUE, END = datetime(2090, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)


async def begin(academy: Academy) -> Enrollment:
    return await academy.enrollment(await academy.user(), await academy.course())


async def change(
    academy: Academy, row: Enrollment, changes: EnrollmentChanges, version: int | None = None
) -> Enrollment:
    async with academy.work() as work:
        return await enrollment.update(work, row.id, changes, version=version)


async def test_dates_are_set_one_by_one_and_taken_away(academy: Academy) -> None:
    row = await begin(academy)
    due = await change(academy, row, EnrollmentChanges(due_at=DUE), version=1)
    assert academy.statements == 1
    both = await change(academy, due, EnrollmentChanges(expires_at=END), version=2)
    assert (both.due_at, both.expires_at, both.version) == (DUE, END, 3)
    none = await change(academy, both, EnrollmentChanges(due_at=None))
    assert (none.due_at, none.expires_at, none.version) == (None, END, 4)


async def test_dates_come_with_the_enrollment(academy: Academy) -> None:
    course, one, two = await academy.course(), await academy.user(), await academy.user()
    async with academy.work() as work:
        made = await enrollment.enroll(work, user_id=one.id, course_id=course.id, due_at=DUE, expires_at=END)
        many = await bulk_enrollment.enroll(
            work, course.id, [two.id], on_error=OnError.REJECT_EVERYTHING, due_at=DUE, expires_at=END
        )
    for row in (made.enrollment, many.fates[0].enrollment):
        assert row is not None
        assert (row.due_at, row.expires_at) == (DUE, END)


@pytest.mark.parametrize(
    ("due_at", "expires_at", "field"),
    [
        (None, "past", "expiresAt"),
        ("past", "past", "expiresAt"),
        (END, DUE, "dueAt"),
        (None, datetime(1800, 1, 1, tzinfo=UTC), "expiresAt"),
    ],
)
async def test_nobody_is_enrolled_with_dates_that_cannot_be(
    academy: Academy, due_at: datetime | str | None, expires_at: datetime | str, field: str
) -> None:
    course, who = await academy.course(), await academy.user()
    past = clock.now() - timedelta(seconds=1)
    due, end = (past if each == "past" else each for each in (due_at, expires_at))
    dates: Any = {"due_at": due, "expires_at": end}
    state = await academy.state()
    acts: list[Callable[[UnitOfWork], Awaitable[Any]]] = [
        lambda work: enrollment.enroll(work, user_id=who.id, course_id=course.id, **dates),
        lambda work: bulk_enrollment.enroll(
            work, course.id, [who.id], on_error=OnError.IGNORE_FAILED, **dates
        ),
        lambda work: bulk_change.enroll_later(
            work, course.id, [who.id], on_error="ignore_failed", seal_key=bytes(32), **dates
        ),
    ]
    for act in acts:
        with pytest.raises(ValidationError) as refused:
            async with academy.work() as work:
                await act(work)
        assert (refused.value.field, academy.statements) == (field, 0)
    assert await academy.state() == state


async def test_imports_take_in_dates_as_they_were(academy: Academy) -> None:
    course, who = await academy.course(), await academy.user()
    past = clock.now() - timedelta(days=1)
    entry = EnrollmentEntry(user_id=who.id, course_id=course.id, due_at=DUE, expires_at=past)
    async with academy.work() as work:
        (row,) = await enrollment.enroll_many(work, [entry])
    assert (row.due_at, row.expires_at) == (DUE, past)


async def test_access_may_end_before_somebody_is_due_but_nobody_becomes_due_after_it(
    academy: Academy,
) -> None:
    due = await change(academy, await begin(academy), EnrollmentChanges(due_at=DUE))
    ended = await change(academy, due, EnrollmentChanges(expires_at=clock.now()))
    assert ended.due_at == DUE
    row = await change(academy, ended, EnrollmentChanges(due_at=DUE, expires_at=END))
    for changes in (
        EnrollmentChanges(due_at=END + timedelta(seconds=1)),
        EnrollmentChanges(due_at=END, expires_at=DUE),
    ):
        with pytest.raises(ValidationError) as refused:
            await change(academy, row, changes)
        assert refused.value.field == "dueAt"
    kept = await change(academy, row, EnrollmentChanges())
    assert (kept.due_at, kept.expires_at) == (DUE, END)


async def test_what_cannot_be_changed_stays(academy: Academy, rival: Academy) -> None:
    row, left, foreign = await begin(academy), await begin(academy), await begin(rival)
    async with academy.work() as work:
        await enrollment.unenroll(work, left.id)
    state, theirs = await academy.state(), await rival.state()
    missing = Enrollment(new_id(), *[None] * 12)  # type: ignore[arg-type]  # its id alone is asked for
    too_early = EnrollmentChanges(expires_at=datetime(1800, 1, 1, tzinfo=UTC))
    for of, changes, version, error in (
        (row, EnrollmentChanges(due_at=DUE), 2, ConflictError),
        (left, EnrollmentChanges(due_at=DUE), None, ConflictError),
        (foreign, EnrollmentChanges(due_at=DUE), None, NotFoundError),
        (missing, EnrollmentChanges(due_at=DUE), None, NotFoundError),
        (row, too_early, None, ValidationError),
    ):
        with pytest.raises(error):
            await change(academy, of, changes, version)
    assert await academy.state() == state
    assert await rival.state() == theirs


async def test_an_expired_enrollment_takes_no_progress_until_it_is_extended(academy: Academy) -> None:
    learner, course = await academy.user(), await academy.course()
    (lesson, *_), row = await academy.lessons(course), await academy.enrollment(learner, course)
    before = clock.now() - timedelta(days=1)
    await change(academy, row, EnrollmentChanges(expires_at=clock.now() - timedelta(minutes=1)))
    entry = ProgressEntry(enrollment_id=row.id, lesson_id=lesson.id, fraction=0.5, occurred_at=before)
    given = {"enrollment_id": row.id, "lesson_id": lesson.id, "fraction": 0.5}
    state = await academy.state()

    with pytest.raises(ConflictError, match="expired"):
        async with academy.work(academy.acting(learner)) as work:
            await progress.record(work, **given)  # type: ignore[arg-type]  # of three types
    with pytest.raises(ConflictError, match="expired"):
        async with academy.work() as work:
            await progress.record_many(work, [entry])
    async with academy.work(academy.acting(learner)) as work:
        batch = await progress_batch.record(work, [entry])
    assert [fate.refused.code for fate in batch.fates if fate.refused] == ["CONFLICT"]
    assert await academy.state() == state

    await change(academy, row, EnrollmentChanges(expires_at=END))
    async with academy.work(academy.acting(learner)) as work:
        batch = await progress_batch.record(work, [entry])
    assert [each.progress for each in batch.enrollments] == [0.25]


async def test_enrolling_again_extends_access_that_has_ended_and_no_other(academy: Academy) -> None:
    learner, course = await academy.user(), await academy.course()
    running = await academy.enrollment(learner, course)

    async def again(expires_at: datetime | None) -> Enrollment:
        async with academy.work() as work:
            done = await enrollment.enroll(
                work, user_id=learner.id, course_id=course.id, due_at=DUE, expires_at=expires_at
            )
        assert not done.created
        return done.enrollment

    assert await again(END) == running
    ended = await change(academy, running, EnrollmentChanges(expires_at=clock.now()))
    with pytest.raises(ValidationError):
        await again(clock.now() - timedelta(seconds=1))
    extended = await again(END)
    assert (extended.id, extended.due_at, extended.expires_at) == (running.id, DUE, END)
    assert extended.version == ended.version + 1
    await change(academy, running, EnrollmentChanges(expires_at=clock.now()))
    assert (await again(None)).expires_at is None


async def test_who_may_not_enroll_changes_nothing(academy: Academy) -> None:
    row = await begin(academy)
    with pytest.raises(ForbiddenError):
        async with academy.work(academy.key(*(set(Permission) - {Permission.ENROLLMENT_WRITE}))) as work:
            await enrollment.update(work, row.id, EnrollmentChanges(due_at=DUE))
    assert academy.statements == 0
