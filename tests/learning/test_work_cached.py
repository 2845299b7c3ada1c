"""Reading through the cache: never stale, never somebody else's."""

from academy import Academy
from harka.learning import course as courses
from harka.learning.course import CourseChanges
from harka.repositories.course import Course
from harka.tenancy.context import TenantContext
from waiting import until_trusted


async def title(academy: Academy, course: Course, context: TenantContext | None = None) -> str | None:
    async with academy.work(context, read_only=True) as work:
        found = await courses.find_many(work, [course.id])
    return found[course.id].title if found else None


async def rename(academy: Academy, course: Course, name: str) -> None:
    async with academy.work() as work:
        await courses.update(work, course.id, CourseChanges(title=name), version=course.version)


async def test_the_second_reader_asks_the_database_nothing(academy: Academy) -> None:
    await until_trusted(academy.parts.cache)
    course = await academy.course()
    assert await title(academy, course) == "A course"
    assert academy.statements == 1
    assert await title(academy, course) == "A course"
    assert academy.statements == 0


async def test_a_change_is_seen_by_the_next_reader(academy: Academy) -> None:
    course = await academy.course()
    assert await title(academy, course) == "A course"
    await rename(academy, course, "Renamed")
    assert await title(academy, course) == "Renamed"


async def test_a_unit_that_writes_reads_its_own_changes(academy: Academy) -> None:
    course = await academy.course()
    assert await title(academy, course) == "A course"
    async with academy.work() as work:
        await courses.update(work, course.id, CourseChanges(title="Renamed"), version=course.version)
        found = await courses.find_many(work, [course.id])
        assert found[course.id].title == "Renamed"


async def test_a_reader_whose_snapshot_is_older_than_the_change_leaves_nothing_stale(
    academy: Academy,
) -> None:
    course, other = await academy.course(), await academy.course()
    async with academy.work(read_only=True) as reader:
        await courses.find_many(reader, [other.id])  # the snapshot is taken
        await rename(academy, course, "Renamed")
        assert (await courses.find_many(reader, [course.id]))[course.id].title == "A course"
    assert await title(academy, course) == "Renamed"


async def test_what_an_author_has_read_is_not_shown_to_a_learner(academy: Academy) -> None:
    draft = await academy.course(published=False)
    assert await title(academy, draft) == "A course"
    learner = academy.acting(await academy.user())
    assert await title(academy, draft, learner) is None


async def test_what_another_organization_has_read_is_not_found(academy: Academy, rival: Academy) -> None:
    course = await academy.course()
    assert await title(academy, course) == "A course"
    assert await title(rival, course) is None
