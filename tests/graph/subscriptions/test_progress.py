import gc

import msgspec
import pytest

from harka import clock
from harka.ids import NodeKind, new_id
from harka.learning import progress
from harka.pubsub import RESYNC
from harka.repositories.user import User
from harka.storage.statement import Statement
from school import School, Stream

OF_ENROLLMENT = """subscription ($id: ID!) { progressChanged(enrollmentId: $id) {
  resync enrollment { progress user { id } } course { id } } }"""
OF_COURSE = """subscription ($id: ID!) { progressChanged(courseId: $id) {
  resync enrollment { id progress } course { id } } }"""
DISMISS = Statement(
    "test.dismiss", """UPDATE {schema}."user" SET status = 'inactive' WHERE tenant_id = $1 AND id = $2"""
)
DEMOTE = Statement(
    "test.demote", """UPDATE {schema}."user" SET role = 'learner' WHERE tenant_id = $1 AND id = $2"""
)
WITHDRAW = Statement(
    "test.withdraw",
    """UPDATE {schema}.enrollment SET status = 'withdrawn'
    WHERE tenant_id = $1 AND user_id = $2 AND course_id = $3""",
)
GIVE = Statement("test.give", "UPDATE {schema}.enrollment SET user_id = $3 WHERE tenant_id = $1 AND id = $2")


async def advance(school: School, person: User, fraction: float, *, course: int = 0) -> None:
    of = school.courses[course]
    async with school.work() as work:
        await progress.record(
            work,
            enrollment_id=school.enrollment_of(person, of).id,
            lesson_id=school.lessons[of.id][0].id,
            fraction=fraction,
        )


def of_enrollment(school: School, person: User) -> dict[str, str]:
    return {"id": school.id(NodeKind.ENROLLMENT, school.enrollment_of(person, school.courses[0]))}


def of_course(school: School) -> dict[str, str]:
    return {"id": school.id(NodeKind.COURSE, school.courses[0])}


async def listening(stream: Stream) -> None:
    assert await stream.opened() == 200
    assert await stream.event() == ("heartbeat", None)


async def test_what_was_told_is_forgotten(school: School) -> None:
    """A listener may stay for days: nothing is kept of an event."""
    async with school.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        kept = []
        # what is here already need not be looked through each time
        gc.collect()
        gc.freeze()
        for step in range(1, 13):
            await advance(school, school.learner, step / 20)
            assert (await stream.event())[0] == "next"
            gc.collect()
            kept.append(sum(type(each).__name__ == "CollectedFields" for each in gc.get_objects()))
    assert kept[-1] == kept[3]


async def test_each_step_is_told_as_it_is_then(school: School) -> None:
    async with school.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        for fraction in (0.5, 1):
            await advance(school, school.learner, fraction)
            name, told = await stream.event()
            assert name == "next"
            assert told["data"]["progressChanged"] == {
                "resync": False,
                "enrollment": {
                    "progress": fraction / 4,
                    "user": {"id": school.id(NodeKind.USER, school.learner)},
                },
                "course": of_course(school),
            }


async def test_a_course_tells_of_everyone_in_it_and_of_nothing_else(school: School) -> None:
    async with school.stream(OF_COURSE, of_course(school), caller=school.instructor) as stream:
        await listening(stream)
        await advance(school, school.learner, 1, course=1)
        for person in (school.learner, school.other):
            await advance(school, person, 1)
            _, told = await stream.event()
            assert told["data"]["progressChanged"]["enrollment"] == {
                **of_enrollment(school, person),
                "progress": 0.25,
            }


async def test_what_changes_nothing_is_not_told(school: School) -> None:
    await advance(school, school.learner, 1)
    async with school.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        await advance(school, school.learner, 0.5)
        async with school.work() as work:
            work.publish(
                f"progress:{school.enrollment_of(school.learner, school.courses[0]).id}", {"marker": 1}
            )
        _, told = await stream.event()
        assert told["data"]["progressChanged"]["enrollment"]["progress"] == 0.25
        assert stream.is_silent


@pytest.mark.parametrize(
    ("document", "caller", "code"),
    [
        (OF_ENROLLMENT, "other", "NOT_FOUND"),
        (OF_COURSE, "learner", "FORBIDDEN"),
        (OF_ENROLLMENT, None, "UNAUTHENTICATED"),
        ("subscription { progressChanged { resync } }", "owner", "VALIDATION_FAILED"),
        ('subscription { progressChanged(courseId: "x") { resync } }', "owner", "INVALID_ID"),
    ],
)
async def test_who_may_not_listen_is_told_why_at_once(
    school: School, document: str, caller: str | None, code: str
) -> None:
    values = of_course(school) if document is OF_COURSE else of_enrollment(school, school.learner)
    variables = values if "$id" in document else {}
    who = None if caller is None else getattr(school, caller)
    async with school.stream(document, variables, caller=who) as stream:
        await listening(stream)
        name, told = await stream.event()
        assert (name, told["errors"][0]["extensions"]["code"]) == ("next", code)
        assert (await stream.event())[0] == "complete"
        await stream.task


async def test_what_is_not_there_cannot_be_listened_to(school: School) -> None:
    for document, kind in ((OF_ENROLLMENT, NodeKind.ENROLLMENT), (OF_COURSE, NodeKind.COURSE)):
        async with school.stream(document, {"id": school.id(kind, new_id())}, caller=school.owner) as stream:
            await listening(stream)
            _, told = await stream.event()
            assert told["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_who_is_dismissed_hears_nothing_more(school: School) -> None:
    async with school.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        async with school.work() as work:
            await work.session.execute(DISMISS, school.learner.id)
        await advance(school, school.learner, 1)
        _, told = await stream.event()
        assert told.keys() == {"errors"}
        assert told["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await stream.event())[0] == "complete"
        await stream.task


async def test_who_is_demoted_hears_nothing_more_of_others(school: School) -> None:
    async with school.stream(OF_COURSE, of_course(school), caller=school.instructor) as stream:
        await listening(stream)
        async with school.work() as work:
            await work.session.execute(DEMOTE, school.instructor.id)
        await advance(school, school.learner, 1)
        _, told = await stream.event()
        assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "data" not in told


async def test_an_enrollment_that_is_out_of_sight_ends_the_stream_without_a_word(school: School) -> None:
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    async with school.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        async with school.work() as work:
            await work.session.execute(WITHDRAW, school.owner.id, enrollment.course_id)
            await work.session.execute(GIVE, enrollment.id, school.owner.id)
            work.publish(f"progress:{enrollment.id}", {})
        assert (await stream.event())[0] == "complete"
        await stream.task


async def test_lost_events_are_stood_for_by_the_present_state(school: School) -> None:
    pubsub = school.runtime.pubsub
    async with (
        school.stream(OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner) as one,
        school.stream(OF_COURSE, of_course(school), caller=school.instructor) as whole,
    ):
        await listening(one)
        await listening(whole)
        for channel in pubsub._channels.values():
            for subscription in channel.subscriptions:
                subscription.put(RESYNC)
        _, told = await one.event()
        assert told["data"]["progressChanged"]["resync"]
        assert told["data"]["progressChanged"]["enrollment"]["progress"] == 0
        _, told = await whole.event()
        assert told["data"]["progressChanged"] == {
            "resync": True,
            "enrollment": None,
            "course": of_course(school),
        }


async def test_who_leaves_is_no_longer_listened_for(school: School) -> None:
    channels = school.runtime.pubsub._channels
    topic = f"progress:{school.enrollment_of(school.learner, school.courses[0]).id}"
    async with school.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        assert [name for name in channels if name.endswith(topic)]
    assert not [name for name in channels if name.endswith(topic)]


async def test_a_subscription_outlives_the_deadline_of_a_request(school: School) -> None:
    settings = msgspec.structs.replace(school.runtime.settings, request_timeout=0.3)
    hasty = School(
        msgspec.structs.replace(school.runtime, settings=settings),
        school.organization,
        school.people,
        school.courses,
        school.enrollments,
        school.draft,
        school.lessons,
    )
    async with hasty.stream(
        OF_ENROLLMENT, of_enrollment(school, school.learner), caller=school.learner
    ) as stream:
        await listening(stream)
        enrollment = school.enrollment_of(school.learner, school.courses[0])
        start = clock.monotonic()
        # past the deadline and its grace
        while clock.monotonic() < start + 1:
            async with school.work() as work:
                work.publish(f"progress:{enrollment.id}", {})
            _, told = await stream.event()
            assert told["data"]["progressChanged"]["enrollment"]["progress"] == 0
