from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ValidationError
from harka.learning import course, enrollment, path, path_enrollment, path_progress, user
from harka.learning.course import CourseChanges
from harka.learning.path import PathChanges, PathDraft
from harka.repositories.course import Course
from harka.repositories.path import LearningPath
from harka.repositories.user import User
from harka.storage.statement import Statement

FORGET = Statement("test.forget", "DELETE FROM {schema}.job WHERE tenant_id = $1")


async def begun(academy: Academy, person: User, *of: Course) -> LearningPath:
    """A path whose courses are all open at once, with somebody on it."""
    draft = PathDraft(title="Way", course_ids=[each.id for each in of], is_sequential=False)
    async with academy.work() as work:
        way = await path.publish(work, (await path.create(work, draft)).id)
        await path_enrollment.enroll(work, path_id=way.id, user_id=person.id)
    await waiting(academy)
    return way


async def waiting(academy: Academy) -> list[str]:
    """What jobs wait for paths; does what they do, and has them wait no longer."""
    jobs = [job for job in await academy.rows("job") if job["type"].startswith("path.")]
    async with academy.work() as work:
        for job in jobs:
            if job["type"] == "path.recount":
                await path_progress.recount(work, UUID(job["payload"]["path_id"]))
            else:
                ids = [UUID(id_) for id_ in job["payload"]["path_enrollment_ids"]]
                await path_progress.unlock(work, ids)
        await work.session.execute(FORGET)
    return [job["type"] for job in jobs]


async def takes(academy: Academy, person: User, of: Course) -> bool:
    return any(
        (row["user_id"], row["course_id"], row["status"]) == (str(person.id), str(of.id), "active")
        for row in await academy.rows("enrollment")
    )


async def full(academy: Academy) -> tuple[Course, UUID]:
    """A course whose only seat somebody has, and their enrollment."""
    of = await academy.course(seats=1)
    return of, (await academy.enrollment(await academy.user(), of)).id


async def test_a_course_that_is_published_again_opens(academy: Academy) -> None:
    one, two = await academy.course(), await academy.course()
    person = await academy.user()
    async with academy.work() as work:
        draft = PathDraft(title="Way", course_ids=[one.id, two.id], is_sequential=False)
        way = await path.publish(work, (await path.create(work, draft)).id)
        await course.archive(work, two.id)
        await path_enrollment.enroll(work, path_id=way.id, user_id=person.id)
    await waiting(academy)
    assert not await takes(academy, person, two)
    async with academy.work() as work:
        await course.publish(work, two.id)
    assert await waiting(academy) == ["path.recount"]
    assert await takes(academy, person, two)


async def test_a_seat_that_is_left_is_taken(academy: Academy) -> None:
    of, seated = await full(academy)
    person = await academy.user()
    await begun(academy, person, of)
    assert not await takes(academy, person, of)
    async with academy.work() as work:
        await enrollment.unenroll(work, seated)
    assert await waiting(academy) == ["path.recount"]
    assert await takes(academy, person, of)
    # where there are seats enough nobody waits for one
    free = await academy.course()
    left = await academy.enrollment(person, free)
    await begun(academy, person, free)
    async with academy.work() as work:
        await enrollment.unenroll(work, left.id)
    assert await waiting(academy) == []


async def test_more_seats_are_taken(academy: Academy) -> None:
    of, _ = await full(academy)
    person = await academy.user()
    await begun(academy, person, of)
    async with academy.work() as work:
        await course.update(work, of.id, CourseChanges(seats=2), version=of.version)
    assert await waiting(academy) == ["path.recount"]
    assert await takes(academy, person, of)


async def test_who_is_let_in_again_is_enrolled_in_what_opened_meanwhile(academy: Academy) -> None:
    one, two = await academy.course(), await academy.course()
    person, other = await academy.user(), await academy.user()
    way = await begun(academy, person, one)
    async with academy.work() as work:
        await user.deactivate(work, person.id)
        await path.update(work, way.id, PathChanges(course_ids=[one.id, two.id]), version=way.version)
        await user.deactivate(work, other.id)
    await waiting(academy)
    assert not await takes(academy, person, two)
    async with academy.work() as work:
        for each in (person, other):
            await user.reactivate(work, each.id)
    assert await waiting(academy) == ["path.unlock"]
    assert await takes(academy, person, two)


async def test_a_published_path_gets_no_draft_and_keeps_what_was_archived(academy: Academy) -> None:
    one, draft = await academy.course(), await academy.course(published=False)
    way = await begun(academy, await academy.user(), one)
    before = await academy.state()
    changes = PathChanges(course_ids=[one.id, draft.id])
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await path.update(work, way.id, changes, version=way.version)
    assert (refused.value.field, await academy.state()) == ("courseIds", before)
    two = await academy.course()
    async with academy.work() as work:
        await course.archive(work, one.id)
        changed = await path.update(
            work, way.id, PathChanges(course_ids=[two.id, one.id]), version=way.version
        )
    assert changed.version == way.version + 1
