from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from harka.learning import progress, progress_batch
from harka.learning.progress import ProgressEntry
from harka.pubsub import RESYNC
from harka.repositories.user import User
from harka.storage.statement import Statement
from school import School, Stream

OF_ALL = """subscription { completionRecorded {
  resync enrollment { id status progress completion { completedAt } } } }"""
OF_COURSE = "subscription ($id: ID!) { completionRecorded(courseId: $id) { resync enrollment { id } } }"
DEMOTE = Statement(
    "test.demote", """UPDATE {schema}."user" SET role = 'learner' WHERE tenant_id = $1 AND id = $2"""
)


async def listening(stream: Stream) -> None:
    assert await stream.opened() == 200
    assert await stream.event() == ("heartbeat", None)


def entries(school: School, person: User, course: int) -> list[ProgressEntry]:
    of = school.courses[course]
    enrollment = school.enrollment_of(person, of)
    return [
        ProgressEntry(enrollment_id=enrollment.id, lesson_id=each.id, fraction=1)
        for each in school.lessons[of.id]
    ]


async def complete(school: School, person: User, course: int = 0) -> None:
    async with school.work() as work:
        for each in entries(school, person, course):
            await progress.record(
                work, enrollment_id=each.enrollment_id, lesson_id=each.lesson_id, fraction=1
            )


def enrollment_id(school: School, person: User, course: int = 0) -> str:
    return school.id(NodeKind.ENROLLMENT, school.enrollment_of(person, school.courses[course]))


async def test_each_completion_is_told_once(school: School) -> None:
    async with school.stream(OF_ALL, caller=school.instructor) as stream:
        await listening(stream)
        await complete(school, school.learner)
        _, told = await stream.event()
        enrollment = told["data"]["completionRecorded"]["enrollment"]
        assert enrollment["completion"]["completedAt"]
        assert (enrollment["id"], enrollment["status"], enrollment["progress"]) == (
            enrollment_id(school, school.learner),
            "COMPLETED",
            1,
        )
        await complete(school, school.learner)
        async with school.work() as work:
            for _ in range(2):
                await progress_batch.record(work, entries(school, school.other, 1))
        _, told = await stream.event()
        told_of = told["data"]["completionRecorded"]["enrollment"]["id"]
        assert told_of == enrollment_id(school, school.other, 1)
        assert stream.is_silent


async def test_a_course_tells_of_its_own(school: School) -> None:
    asked = {"id": school.id(NodeKind.COURSE, school.courses[1])}
    async with school.stream(OF_COURSE, asked, caller=school.instructor) as stream:
        await listening(stream)
        await complete(school, school.learner, 0)
        await complete(school, school.learner, 1)
        _, told = await stream.event()
        assert told["data"]["completionRecorded"] == {
            "resync": False,
            "enrollment": {"id": enrollment_id(school, school.learner, 1)},
        }


@pytest.mark.parametrize(
    ("caller", "variables", "code"),
    [("learner", "own", "FORBIDDEN"), ("owner", "nothing", "NOT_FOUND"), ("owner", "garbage", "INVALID_ID")],
)
async def test_who_may_not_listen_is_told_why(school: School, caller: str, variables: str, code: str) -> None:
    ids: dict[str, Any] = {
        "own": school.id(NodeKind.COURSE, school.courses[0]),
        "nothing": school.id(NodeKind.COURSE, new_id()),
        "garbage": "x",
    }
    async with school.stream(OF_COURSE, {"id": ids[variables]}, caller=getattr(school, caller)) as stream:
        await listening(stream)
        _, told = await stream.event()
        assert told["errors"][0]["extensions"]["code"] == code


async def test_who_is_demoted_hears_nothing_more(school: School) -> None:
    async with school.stream(OF_ALL, caller=school.instructor) as stream:
        await listening(stream)
        async with school.work() as work:
            await work.session.execute(DEMOTE, school.instructor.id)
        await complete(school, school.learner)
        _, told = await stream.event()
        assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "data" not in told


async def test_lost_events_are_one_that_says_so(school: School) -> None:
    async with school.stream(OF_ALL, caller=school.instructor) as stream:
        await listening(stream)
        for channel in school.runtime.pubsub._channels.values():
            for subscription in channel.subscriptions:
                subscription.put(RESYNC)
        _, told = await stream.event()
        assert told["data"]["completionRecorded"] == {"resync": True, "enrollment": None}
