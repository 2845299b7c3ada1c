import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import completion, enrollment, progress
from harka.learning.enrollment import EnrollmentEntry
from harka.learning.progress import ProgressEntry, Recorded
from harka.learning.work import UnitOfWork
from harka.repositories import lesson as lesson_rows
from harka.repositories.enrollment import Enrollment
from harka.repositories.lesson import Lesson
from harka.repositories.user import User
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission


class Study:
    """A learner in a course."""

    def __init__(self, academy: Academy, learner: User, enrolled: Enrollment, lessons: list[Lesson]) -> None:
        self.academy, self.learner, self.enrollment, self.lessons = academy, learner, enrolled, lessons

    async def record(
        self,
        lesson: int,
        fraction: float,
        *,
        context: TenantContext | None = None,
        score: float | None = None,
        at: datetime | None = None,
    ) -> Recorded:
        async with self.academy.work(context or self.academy.acting(self.learner)) as work:
            return await progress.record(
                work,
                enrollment_id=self.enrollment.id,
                lesson_id=self.lessons[lesson].id,
                fraction=fraction,
                score=score,
                occurred_at=at,
            )

    async def now(self) -> Enrollment:
        async with self.academy.work(read_only=True) as work:
            return (await enrollment.find_many(work, [self.enrollment.id]))[self.enrollment.id]

    async def completions(self) -> int:
        return len(await self.academy.rows("completion"))


async def lesson_added(work: UnitOfWork, like: Lesson) -> None:
    await lesson_rows.insert_many(work.session, [msgspec.structs.replace(like, id=new_id(), position=9)])


async def begin(academy: Academy, *weights: float) -> Study:
    learner = await academy.user()
    course = await academy.course(weights=weights or (1, 1))
    return Study(academy, learner, await academy.enrollment(learner, course), await academy.lessons(course))


async def test_progress_is_the_weighted_average_of_the_lessons(academy: Academy) -> None:
    study = await begin(academy, 1, 3)

    recorded = await study.record(1, 0.5)

    assert recorded.changed
    assert recorded.progress.fraction == 0.5
    assert recorded.enrollment.progress == 0.375
    assert recorded.enrollment == await study.now()


async def test_the_last_lesson_completes_the_course_once(academy: Academy) -> None:
    study = await begin(academy)
    await study.record(0, 1, score=60)
    at = datetime(2026, 3, 1, tzinfo=UTC)

    recorded = await study.record(1, 1, score=90, at=clock.now())
    again = await study.record(1, 1, score=95, at=at)

    assert (recorded.completed, again.completed) == (True, False)
    assert (recorded.enrollment.status, recorded.enrollment.progress) == ("completed", 1.0)
    assert recorded.enrollment.completed_at == recorded.progress.occurred_at
    assert await study.completions() == 1
    async with academy.work(read_only=True) as work:
        made = (await completion.by_enrollment(work, [study.enrollment.id]))[study.enrollment.id]
    assert (made.completed_at, made.score) == (recorded.enrollment.completed_at, 75.0)


@pytest.mark.parametrize("many", [False, True])
async def test_where_nothing_was_marked_the_completion_has_no_score(academy: Academy, *, many: bool) -> None:
    study = await begin(academy, 1)
    if many:
        entry = ProgressEntry(enrollment_id=study.enrollment.id, lesson_id=study.lessons[0].id, fraction=1)
        async with academy.work() as work:
            await progress.record_many(work, [entry])
    else:
        await study.record(0, 1)

    assert [row["score"] for row in await academy.rows("completion")] == [None]


async def test_a_smaller_fraction_changes_nothing(academy: Academy) -> None:
    study = await begin(academy)
    await study.record(0, 0.8)
    state = await academy.state()

    recorded = await study.record(0, 0.3)

    assert not recorded.changed
    assert recorded.progress.fraction == 0.8
    assert await academy.state() == state


async def test_a_better_score_counts_without_more_progress(academy: Academy) -> None:
    study = await begin(academy)
    await study.record(0, 1, score=40)

    assert (await study.record(0, 1, score=70)).progress.score == 70
    assert (await study.record(0, 0.5, score=50)).progress.score == 70
    worse_but_better_marked = (await study.record(0, 0.5, score=80)).progress
    assert (worse_but_better_marked.fraction, worse_but_better_marked.score) == (1, 80)


async def test_more_progress_keeps_the_better_score(academy: Academy) -> None:
    study = await begin(academy)
    await study.record(0, 0.5, score=70)

    assert (await study.record(0, 0.8, score=20)).progress.score == 70
    assert (await study.record(0, 1)).progress.score == 70


async def test_three_hundred_thirds_make_exactly_one(academy: Academy) -> None:
    """Floating point would leave 0.1 + 0.2 + … a little beside 1."""
    study = await begin(academy, *[0.1] * 30)

    async with academy.work() as work:
        changed = await progress.record_many(
            work,
            [
                ProgressEntry(enrollment_id=study.enrollment.id, lesson_id=lesson.id, fraction=1)
                for lesson in study.lessons
            ],
        )

    assert [(each.progress, each.status) for each in changed] == [(1.0, "completed")]


async def test_a_clock_that_is_before_the_enrollment_is_not_believed(academy: Academy) -> None:
    study = await begin(academy)
    before = clock.now()
    for lesson in range(2):
        done = await study.record(lesson, 1, at=datetime(1950, 1, 1, tzinfo=UTC))
    assert done.completed
    assert done.enrollment.completed_at == done.progress.occurred_at
    assert before <= done.progress.occurred_at <= clock.now()


async def test_what_is_imported_happened_within_its_enrollment(academy: Academy) -> None:
    learner, course = await academy.user(), await academy.course(weights=(1,))
    (lesson,), began = await academy.lessons(course), datetime(2024, 1, 1, tzinfo=UTC)
    async with academy.work() as work:
        entry = EnrollmentEntry(user_id=learner.id, course_id=course.id, enrolled_at=began)
        (taken,) = await enrollment.enroll_many(work, [entry])
        told = ProgressEntry(
            enrollment_id=taken.id, lesson_id=lesson.id, fraction=1, occurred_at=began - timedelta(days=1)
        )
        (done,) = await progress.record_many(work, [told])
    assert done.completed_at == began


async def test_almost_everything_is_not_complete(academy: Academy) -> None:
    study = await begin(academy, 1, 1_000_000)
    await study.record(1, 1)

    recorded = await study.record(0, 0.999_999_999_999)

    assert (recorded.enrollment.status, recorded.enrollment.progress) == ("active", 0.999999)
    assert recorded.progress.fraction == 0.999999


async def test_an_optional_lesson_is_not_needed(academy: Academy) -> None:
    study, other = await begin(academy, 1, 0), await begin(academy, 1, 0)

    assert (await study.record(1, 1)).enrollment.progress == 0
    assert (await other.record(0, 1)).enrollment.status == "completed"


async def test_fifty_writers_at_once_lose_nothing(academy: Academy) -> None:
    study = await begin(academy, *range(1, 51))

    recorded = await asyncio.gather(*(study.record(lesson, 1) for lesson in range(50)))

    now = await study.now()
    assert (now.status, now.progress) == ("completed", 1.0)
    assert sum(each.completed for each in recorded) == 1
    assert await study.completions() == 1
    assert now.version == 51


async def test_fifty_writers_of_one_lesson_leave_the_largest(academy: Academy) -> None:
    study = await begin(academy)

    await asyncio.gather(*(study.record(0, step / 50) for step in range(50)))

    assert (await study.now()).progress == 0.49


async def test_a_learner_cannot_progress_for_another(academy: Academy) -> None:
    study = await begin(academy)
    other = await academy.user()
    state = await academy.state()

    with pytest.raises(NotFoundError):
        await study.record(0, 1, context=academy.acting(other))

    assert await academy.state() == state


@pytest.mark.parametrize("role", ["instructor"])
async def test_reading_all_enrollments_is_not_writing_them(academy: Academy, role: str) -> None:
    study = await begin(academy)
    other = await academy.user(role)

    with pytest.raises(NotFoundError):
        await study.record(0, 1, context=academy.acting(other))


async def test_an_anonymous_caller_is_asked_for_credentials(academy: Academy) -> None:
    study = await begin(academy)
    state = await academy.state()

    with pytest.raises(UnauthenticatedError):
        await study.record(0, 1, context=academy.anonymous())

    assert academy.statements == 0
    assert await academy.state() == state


async def test_a_key_needs_both_scopes_for_anybody(academy: Academy) -> None:
    study = await begin(academy)

    with pytest.raises(ForbiddenError):
        await study.record(0, 1, context=academy.key(Permission.ENROLLMENT_WRITE))
    with pytest.raises(NotFoundError):
        await study.record(0, 1, context=academy.key(Permission.PROGRESS_WRITE))
    both = academy.key(Permission.PROGRESS_WRITE, Permission.ENROLLMENT_WRITE)
    assert (await study.record(0, 1, context=both)).changed


async def test_many_need_the_permissions_that_one_needs(academy: Academy) -> None:
    study = await begin(academy)
    entry = ProgressEntry(enrollment_id=study.enrollment.id, lesson_id=study.lessons[0].id, fraction=1)
    other, instructor = await academy.user(), await academy.user("instructor")
    state = await academy.state()

    for context, error in (
        (academy.anonymous(), UnauthenticatedError),
        (academy.key(Permission.ENROLLMENT_WRITE), ForbiddenError),
        (academy.acting(other), NotFoundError),
        (academy.acting(instructor), NotFoundError),
    ):
        with pytest.raises(error):
            async with academy.work(context) as work:
                await progress.record_many(work, [entry])

    assert await academy.state() == state


async def test_recounting_is_for_authors(academy: Academy) -> None:
    study = await begin(academy)

    for context, error in (
        (academy.anonymous(), UnauthenticatedError),
        (academy.acting(study.learner), ForbiddenError),
    ):
        with pytest.raises(error):
            async with academy.work(context) as work:
                await progress.recount(work, study.enrollment.course_id)
        assert academy.statements == 0


async def test_a_withdrawn_enrollment_refuses_progress(academy: Academy) -> None:
    study = await begin(academy)
    async with academy.work() as work:
        await enrollment.unenroll(work, study.enrollment.id)
    state = await academy.state()

    with pytest.raises(ConflictError):
        await study.record(0, 1)

    assert await academy.state() == state


async def test_a_lesson_of_another_course_is_refused(academy: Academy) -> None:
    study, elsewhere = await begin(academy), await begin(academy)
    study.lessons = elsewhere.lessons
    state = await academy.state()

    with pytest.raises(NotFoundError):
        await study.record(0, 1)

    assert await academy.state() == state


async def test_another_tenants_enrollment_does_not_exist(academy: Academy, rival: Academy) -> None:
    study = await begin(academy)
    study.academy = rival

    with pytest.raises(NotFoundError):
        await study.record(0, 1, context=rival.operator)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), float("inf")])
async def test_a_fraction_is_between_0_and_1(academy: Academy, fraction: float) -> None:
    study = await begin(academy)

    with pytest.raises(ValidationError) as caught:
        await study.record(0, fraction)

    assert caught.value.field == "fraction"


@pytest.mark.parametrize("score", [-1, 100.5, float("nan")])
async def test_a_score_is_between_0_and_100(academy: Academy, score: float) -> None:
    study = await begin(academy)

    with pytest.raises(ValidationError) as caught:
        await study.record(0, 1, score=score)

    assert caught.value.field == "score"


@pytest.mark.parametrize(
    "at",
    [datetime(2026, 1, 1), datetime(9999, 1, 1, tzinfo=UTC)],  # noqa: DTZ001 - a time without a zone is the case
)
async def test_a_moment_is_plausible(academy: Academy, at: datetime) -> None:
    study = await begin(academy)

    with pytest.raises(ValidationError) as caught:
        await study.record(0, 1, at=at)

    assert caught.value.field == "occurredAt"


async def test_the_future_is_refused_beyond_the_skew_of_clocks(academy: Academy) -> None:
    study = await begin(academy)

    with pytest.raises(ValidationError):
        await study.record(0, 1, at=clock.now() + timedelta(minutes=6))
    assert (await study.record(0, 1, at=clock.now() + timedelta(minutes=4))).changed


async def test_subscribers_of_the_enrollment_and_of_the_course_hear_of_it(academy: Academy) -> None:
    study = await begin(academy)
    tenant, pubsub = academy.organization.id, academy.parts.pubsub
    topics = f"progress:{study.enrollment.id}", f"progress:course:{study.enrollment.course_id}"

    async with pubsub.subscribe(tenant, topics[0]) as one, pubsub.subscribe(tenant, topics[1]) as two:
        await study.record(0, 0.5)
        heard = [(await anext(one)).payload, (await anext(two)).payload]

    assert heard[0] == heard[1]
    assert heard[0]["enrollmentId"] == str(study.enrollment.id)
    assert (heard[0]["fraction"], heard[0]["progress"], heard[0]["status"]) == (0.5, 0.25, "active")


async def test_nobody_hears_of_a_replay_or_a_denial(academy: Academy) -> None:
    study = await begin(academy)
    other = await academy.user()
    await study.record(0, 0.5)
    tenant, pubsub, topic = academy.organization.id, academy.parts.pubsub, f"progress:{study.enrollment.id}"

    async with pubsub.subscribe(tenant, topic) as events:
        await study.record(0, 0.5)
        with pytest.raises(NotFoundError):
            await study.record(0, 1, context=academy.acting(other))
        await pubsub.publish(tenant, topic, {"last": True})
        assert (await anext(events)).payload == {"last": True}


async def test_recording_costs_three_statements(academy: Academy) -> None:
    study = await begin(academy)

    await study.record(0, 0.5)
    assert academy.statements == 3
    await study.record(0, 0.5)
    assert academy.statements == 3


@pytest.mark.parametrize("learners", [1, 40])
async def test_recording_many_costs_as_much_as_recording_few(academy: Academy, learners: int) -> None:
    course = await academy.course(weights=(1, 2, 3))
    lessons = await academy.lessons(course)
    enrolled = [await academy.enrollment(await academy.user(), course) for _ in range(learners)]
    entries = [
        ProgressEntry(enrollment_id=each.id, lesson_id=lesson.id, fraction=1)
        for each in enrolled
        for lesson in lessons
    ]

    async with academy.work() as work:
        changed = await progress.record_many(work, entries)

    # the last three: certificates, people held, learning paths of whom it completes the course
    assert academy.statements == 7
    assert {each.id for each in changed} == {each.id for each in enrolled}
    assert {each.status for each in changed} == {"completed"}
    assert len(await academy.rows("completion")) == learners


async def test_recording_many_keeps_the_best_of_what_it_is_told_twice(academy: Academy) -> None:
    study = await begin(academy)
    entry = ProgressEntry(enrollment_id=study.enrollment.id, lesson_id=study.lessons[0].id, fraction=0)
    told = [(0.8, 20.0), (0.3, 60.0), (0.5, None)]

    async with academy.work() as work:
        await progress.record_many(
            work,
            [
                ProgressEntry(
                    enrollment_id=entry.enrollment_id, lesson_id=entry.lesson_id, fraction=f, score=s
                )
                for f, s in told
            ],
        )
        found = (await progress.by_enrollment(work, [study.enrollment.id]))[study.enrollment.id]

    assert [(each.fraction, each.score) for each in found] == [(0.8, 60.0)]


async def test_one_bad_entry_undoes_all_of_them(academy: Academy) -> None:
    study = await begin(academy)
    state = await academy.state()
    entries = [
        ProgressEntry(enrollment_id=id_, lesson_id=study.lessons[0].id, fraction=1)
        for id_ in (study.enrollment.id, new_id())
    ]

    with pytest.raises(NotFoundError):
        async with academy.work() as work:
            await progress.record_many(work, entries)

    assert await academy.state() == state


async def test_a_learner_sees_only_own_progress(academy: Academy) -> None:
    study, other = await begin(academy), await begin(academy)
    own, foreign = (await study.record(0, 1)).progress, (await other.record(0, 1)).progress

    async with academy.work(academy.acting(study.learner), read_only=True) as work:
        assert set(await progress.find_many(work, [own.id, foreign.id])) == {own.id}
        found = await progress.by_enrollment(work, [study.enrollment.id, other.enrollment.id])
    assert list(found) == [study.enrollment.id]


async def test_a_new_lesson_lowers_what_is_open_and_keeps_what_is_completed(academy: Academy) -> None:
    course = await academy.course(weights=(1, 1))
    lessons = await academy.lessons(course)
    done, under_way, gone = [
        Study(academy, learner, await academy.enrollment(learner, course), lessons)
        for learner in [await academy.user() for _ in range(3)]
    ]
    for study in (done, gone):
        await study.record(0, 1)
    await done.record(1, 1)
    await under_way.record(0, 1)
    async with academy.work() as work:
        await enrollment.unenroll(work, gone.enrollment.id)
        await lesson_added(work, lessons[0])

        assert await progress.recount(work, course.id) == 1

    assert [(await study.now()).progress for study in (done, under_way, gone)] == [1.0, 0.333333, 0.5]
    assert await done.completions() == 1
