from datetime import UTC, datetime

import pytest

from academy import Academy
from harka.errors import ForbiddenError, UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.learning import completion, enrollment, progress
from harka.learning.completion import CompletionEntry
from harka.tenancy.permission import Permission

AT = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("size", [1, 20])
async def test_enrollments_are_completed_by_decision(academy: Academy, size: int) -> None:
    subject = await academy.course()
    made = [await academy.enrollment(await academy.user(), subject) for _ in range(size)]
    entries = [CompletionEntry(enrollment_id=each.id, completed_at=AT, score=50.0) for each in made]

    async with academy.work() as work:
        assert await completion.complete_many(work, [*entries, entries[0]]) == size
    # the last three: certificates, the people held, learning paths
    assert academy.statements == 5

    async with academy.work(read_only=True) as work:
        found = await completion.by_enrollment(work, [each.id for each in made])
        now = await enrollment.find_many(work, [each.id for each in made])
    assert {(each.completed_at, each.score) for each in found.values()} == {(AT, 50.0)}
    assert {(each.status, each.completed_at, each.progress) for each in now.values()} == {
        ("completed", AT, 0.0)
    }


async def test_completed_withdrawn_and_unknown_enrollments_are_passed_over(
    academy: Academy, rival: Academy
) -> None:
    subject = await academy.course()
    done, gone = [await academy.enrollment(await academy.user(), subject) for _ in range(2)]
    foreign = await rival.enrollment(await rival.user(), await rival.course())
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=done.id, completed_at=AT)])
        await enrollment.unenroll(work, gone.id)
    states = await academy.state(), await rival.state()

    async with academy.work() as work:
        entries = [CompletionEntry(enrollment_id=id_) for id_ in (done.id, gone.id, foreign.id, new_id())]
        assert await completion.complete_many(work, entries) == 0

    assert (await academy.state(), await rival.state()) == states


async def test_progress_after_a_decision_counts_and_keeps_the_completion(academy: Academy) -> None:
    learner, subject = await academy.user(), await academy.course()
    made = await academy.enrollment(learner, subject)
    lessons = await academy.lessons(subject)
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=made.id, completed_at=AT)])

    async with academy.work(academy.acting(learner)) as work:
        both = [
            await progress.record(work, enrollment_id=made.id, lesson_id=lesson.id, fraction=1)
            for lesson in lessons
        ]

    recorded = both[-1]
    assert not any(each.completed for each in both)
    assert (recorded.enrollment.progress, recorded.enrollment.completed_at) == (1.0, AT)
    assert [row["score"] for row in await academy.rows("completion")] == [None]


async def test_a_score_is_between_0_and_100(academy: Academy) -> None:
    with pytest.raises(ValidationError) as caught:
        async with academy.work() as work:
            await completion.complete_many(work, [CompletionEntry(enrollment_id=new_id(), score=101)])

    assert caught.value.field == "score"


async def test_only_managers_complete(academy: Academy) -> None:
    made = await academy.enrollment(await academy.user(), await academy.course())
    instructor = academy.acting(await academy.user("instructor"))
    state = await academy.state()

    for context, error in ((academy.anonymous(), UnauthenticatedError), (instructor, ForbiddenError)):
        with pytest.raises(error):
            async with academy.work(context) as work:
                await completion.complete_many(work, [CompletionEntry(enrollment_id=made.id)])

    assert await academy.state() == state


async def test_learners_see_their_own_completions(academy: Academy) -> None:
    me, other, subject = await academy.user(), await academy.user(), await academy.course()
    mine, others = await academy.enrollment(me, subject), await academy.enrollment(other, subject)
    async with academy.work() as work:
        await completion.complete_many(
            work, [CompletionEntry(enrollment_id=each.id) for each in (mine, others)]
        )
        everything = await completion.by_enrollment(work, [mine.id, others.id])
    ids = [each.id for each in everything.values()]

    async with academy.work(academy.acting(me), read_only=True) as work:
        assert set(await completion.by_enrollment(work, [mine.id, others.id])) == {mine.id}
        assert set(await completion.find_many(work, ids)) == {everything[mine.id].id}
    async with academy.work(academy.key(Permission.COURSE_READ), read_only=True) as work:
        with pytest.raises(ForbiddenError):
            await completion.find_many(work, ids)
