import msgspec

from academy import Academy
from harka.learning import enrollment, path, path_enrollment
from harka.learning.completion import CompletionEntry, complete_many
from harka.learning.path import PathChanges, PathDraft
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.worker.registry import HANDLERS


async def do_jobs(academy: Academy) -> list[str]:
    """What waits, by its handler; answers the types."""
    jobs = await academy.rows("job")
    async with academy.work() as work:
        for job in jobs:
            handler = HANDLERS[job["type"]]
            await handler.run(work, msgspec.convert(job["payload"], handler.payload))
    return sorted(job["type"] for job in jobs)


async def test_what_opens_is_opened_by_jobs(academy: Academy) -> None:
    one, two, three = [await academy.course() for _ in range(3)]
    person = await academy.user()
    async with academy.work() as work:
        way = await path.create(work, PathDraft(title="Way", course_ids=[one.id, two.id]))
        way = await path.publish(work, way.id)
        await path_enrollment.enroll(work, path_id=way.id, user_id=person.id)
        (taking,) = await enrollment.list_page(work, EnrollmentFilter(user_id=person.id), after=None, first=9)
        await complete_many(work, [CompletionEntry(enrollment_id=taking.id)])
    await do_jobs(academy)
    async with academy.work() as work:
        assert await enrollment.count(work, EnrollmentFilter(user_id=person.id, course_id=two.id)) == 1
        changes = PathChanges(course_ids=[one.id, three.id, two.id])
        await path.update(work, way.id, changes, version=way.version)
    assert await do_jobs(academy) == ["path.recount", "path.unlock"]
    async with academy.work() as work:
        assert await enrollment.count(work, EnrollmentFilter(user_id=person.id, course_id=three.id)) == 1
