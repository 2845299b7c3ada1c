import asyncio
from datetime import timedelta
from uuid import UUID

from academy import Academy
from harka.learning import (
    certificate,
    completion,
    enrollment,
    path,
    path_enrollment,
    path_progress,
    progress,
    user,
)
from harka.learning.certificate_sheet import sheet
from harka.learning.completion import CompletionEntry
from harka.learning.path import PathChanges, PathDraft
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.user import User
from harka.storage.statement import Statement
from waiting import until


async def begun(
    academy: Academy, person: User, *of: Course, sequential: bool = True, required: int | None = None
) -> tuple[LearningPath, PathEnrollment]:
    ids = [each.id for each in of]
    draft = PathDraft(title="Way", course_ids=ids, is_sequential=sequential, required_count=required)
    async with academy.work() as work:
        way = await path.publish(work, (await path.create(work, draft)).id)
        return way, (await path_enrollment.enroll(work, path_id=way.id, user_id=person.id)).enrollment


async def enrolled(academy: Academy, person: User, of: Course) -> Enrollment | None:
    async with academy.work() as work:
        found = await enrollment.list_page(
            work, EnrollmentFilter(user_id=person.id, course_id=of.id), after=None, first=1
        )
    return found[0] if found else None


async def complete(academy: Academy, person: User, of: Course) -> None:
    """By the learner, lesson by lesson."""
    taking = await enrolled(academy, person, of)
    assert taking is not None
    for each in await academy.lessons(of):
        async with academy.work(academy.acting(person)) as work:
            await progress.record(work, enrollment_id=taking.id, lesson_id=each.id, fraction=1)


async def unlock(academy: Academy) -> None:
    """What the jobs that wait would do, once."""
    async with academy.work() as work:
        for job in await academy.rows("job"):
            if job["type"] == "path.unlock":
                ids = job["payload"]["path_enrollment_ids"]
                await path_progress.unlock(work, [UUID(id_) for id_ in ids])


async def now(academy: Academy, of: PathEnrollment) -> PathEnrollment:
    async with academy.work() as work:
        return (await path_enrollment.find_many(work, [of.id]))[of.id]


WAITERS = Statement(
    "test.waiters",
    """SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.course') IS NOT NULL""",
)


async def waited_for(academy: Academy) -> None:
    """Until somebody waits for what another transaction holds."""

    async def is_so() -> bool:
        async with academy.work(read_only=True) as work:
            return bool(await work.session.fetch_value(WAITERS))

    await until(is_so)


async def test_a_sequential_path_opens_course_after_course(academy: Academy) -> None:
    one, two, three = [await academy.course(weights=(1,)) for _ in range(3)]
    person = await academy.user()
    _, way = await begun(academy, person, one, two, three)
    for step, (of, after) in enumerate(((one, two), (two, three)), start=1):
        await complete(academy, person, of)
        assert (await now(academy, way)).progress == int(step / 3 * 10**6) / 10**6
        assert await enrolled(academy, person, after) is None
        await unlock(academy)
        assert await enrolled(academy, person, after) is not None
    await complete(academy, person, three)
    done = await now(academy, way)
    assert (done.status, done.progress) == ("completed", 1)
    assert done.completed_at is not None
    # the last completion opens nothing
    assert len([job for job in await academy.rows("job") if job["type"] == "path.unlock"]) == 2


async def test_nobody_is_enrolled_who_may_not_sign_in(academy: Academy) -> None:
    one, two = [await academy.course(weights=(1,)) for _ in range(2)]
    gone, here = await academy.user(), await academy.user()
    way, _ = await begun(academy, gone, one)
    async with academy.work() as work:
        await path_enrollment.enroll(work, path_id=way.id, user_id=here.id)
        await user.deactivate(work, gone.id)
        changes = PathChanges(course_ids=[one.id, two.id], is_sequential=False)
        await path.update(work, way.id, changes, version=way.version)
        await path_progress.recount(work, way.id)
    assert await enrolled(academy, here, two) is not None
    assert await enrolled(academy, gone, two) is None


async def test_enough_courses_complete_a_free_path(academy: Academy) -> None:
    courses = [await academy.course(weights=(1,)) for _ in range(3)]
    person, other = await academy.user(), await academy.user()
    _, way = await begun(academy, person, *courses, sequential=False, required=2)
    _, theirs = await begun(academy, other, *courses, sequential=False)
    await complete(academy, person, courses[2])
    assert (await now(academy, way)).progress == 0.5
    await complete(academy, person, courses[0])
    assert (await now(academy, way)).status == "completed"
    assert (await now(academy, theirs)).progress == 0


async def test_courses_completed_at_once_all_count(academy: Academy) -> None:
    courses = [await academy.course(weights=(1,)) for _ in range(4)]
    person = await academy.user()
    _, way = await begun(academy, person, *courses, sequential=False)
    await asyncio.gather(*(complete(academy, person, of) for of in courses))
    assert (await now(academy, way)).status == "completed"


async def test_what_is_being_completed_counts_on_a_path_that_is_begun_meanwhile(academy: Academy) -> None:
    of, person = await academy.course(weights=(1,)), await academy.user()
    taking = await academy.enrollment(person, of)
    (lesson,) = await academy.lessons(of)
    async with academy.work() as work:
        way = await path.publish(work, (await path.create(work, PathDraft(title="W", course_ids=[of.id]))).id)

    async def begin() -> PathEnrollment:
        async with academy.work() as work:
            return (await path_enrollment.enroll(work, path_id=way.id, user_id=person.id)).enrollment

    async with academy.work() as work:
        await progress.record(work, enrollment_id=taking.id, lesson_id=lesson.id, fraction=1)
        beginning = asyncio.create_task(begin())
        await waited_for(academy)
    assert (await now(academy, await beginning)).status == "completed"


async def test_what_is_being_completed_counts_on_a_path_that_gets_its_course_meanwhile(
    academy: Academy,
) -> None:
    one, two = [await academy.course(weights=(1,)) for _ in range(2)]
    person = await academy.user()
    taking = await academy.enrollment(person, two)
    way, put = await begun(academy, person, one)
    (lesson,) = await academy.lessons(two)

    async def recount() -> None:
        async with academy.work() as work:
            await path_progress.recount(work, way.id)

    async with academy.work() as work:
        await progress.record(work, enrollment_id=taking.id, lesson_id=lesson.id, fraction=1)
        async with academy.work() as other:
            changes = PathChanges(course_ids=[one.id, two.id])
            await path.update(other, way.id, changes, version=way.version)
        counting = asyncio.create_task(recount())
        await waited_for(academy)
    await counting
    assert (await now(academy, put)).progress == 0.5


async def test_completions_by_decision_count_in_as_many_statements_whatever_their_number(
    academy: Academy,
) -> None:
    of = await academy.course()
    people = [await academy.user() for _ in range(6)]
    ways = [(await begun(academy, person, of, await academy.course()))[1] for person in people]
    taking = [await enrolled(academy, person, of) for person in people]
    counts = []
    for part in (taking[:1], taking[1:]):
        async with academy.work() as work:
            await completion.complete_many(
                work, [CompletionEntry(enrollment_id=each.id) for each in part if each is not None]
            )
        counts.append(academy.statements)
    assert counts[0] == counts[1]
    assert {(await now(academy, way)).progress for way in ways} == {0.5}


async def test_another_list_of_courses_is_worked_out_again(academy: Academy) -> None:
    one, two, three = [await academy.course(weights=(1,)) for _ in range(3)]
    person = await academy.user()
    path_row, way = await begun(academy, person, one, two)
    await complete(academy, person, one)
    async with academy.work() as work:
        changes = PathChanges(course_ids=[three.id, one.id, two.id])
        await path.update(work, path_row.id, changes, version=path_row.version)
        await path_progress.recount(work, path_row.id)
    assert (await now(academy, way)).progress == 0.333333
    assert await enrolled(academy, person, three) is not None
    assert await enrolled(academy, person, two) is None
    async with academy.work() as work:
        await path.update(work, path_row.id, PathChanges(course_ids=[one.id]), version=3)
        await path_progress.recount(work, path_row.id)
    assert (await now(academy, way)).status == "completed"


async def test_a_completed_path_awards_its_certificate_once(academy: Academy) -> None:
    one, two = [await academy.course(weights=(1,)) for _ in range(2)]
    person = await academy.user()
    way, taken = await begun(academy, person, one, two, sequential=False)
    async with academy.work() as work:
        way = (await path.find_many(work, [way.id]))[way.id]
        changes = PathChanges(title="A way", awards_certificate=True, certificate_days=30)
        await path.update(work, way.id, changes, version=way.version)
    await complete(academy, person, one)
    assert await academy.rows("certificate") == []
    await complete(academy, person, two)
    async with academy.work() as work:
        await path_progress.recount(work, way.id)
        (made,) = await certificate.list_page(work, user_id=person.id, after=None, first=9)
        known = await certificate.verify(work, made.serial)
        printed = await sheet(work, made.id, "harka.test")
    assert (made.path_id, made.path_enrollment_id) == (way.id, taken.id)
    assert (made.course_id, made.enrollment_id, made.title) == (None, None, "A way")
    assert made.expires_at == made.issued_at + timedelta(days=30)
    assert known == made
    assert printed.data["course"] == "A way"
    assert len(await academy.rows("certificate")) == 1
