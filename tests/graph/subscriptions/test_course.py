from harka.ids import NodeKind
from harka.learning import course
from harka.learning.course import PUBLISHED_TOPIC
from harka.pubsub import RESYNC
from school import School, Stream

PUBLISHED = "subscription { coursePublished { resync course { id status courseVersion } } }"


async def listening(stream: Stream) -> None:
    assert await stream.opened() == 200
    assert await stream.event() == ("heartbeat", None)


async def publish(school: School) -> None:
    assert school.draft is not None
    async with school.work() as work:
        await course.publish(work, school.draft.id)


async def test_a_learner_hears_of_a_course_that_is_published(school: School) -> None:
    async with school.stream(PUBLISHED, caller=school.learner) as stream:
        await listening(stream)
        await publish(school)
        # what is published already is not published again
        await publish(school)
        name, told = await stream.event()
        assert name == "next"
        assert told["data"]["coursePublished"] == {
            "resync": False,
            "course": {
                "id": school.id(NodeKind.COURSE, school.draft),
                "status": "PUBLISHED",
                "courseVersion": 1,
            },
        }
        assert stream.is_silent


async def test_what_is_out_of_sight_by_then_is_not_told(school: School) -> None:
    assert school.draft is not None
    async with school.stream(PUBLISHED, caller=school.learner) as stream:
        await listening(stream)
        async with school.work() as work:
            # as if it were hidden before the event is read
            work.publish(PUBLISHED_TOPIC, {"courseId": str(school.draft.id)})
        await publish(school)
        # the first that is told
        name, told = await stream.event()
        assert name == "next"
        assert told["data"]["coursePublished"]["course"]["status"] == "PUBLISHED"


async def test_lost_events_are_one_that_says_so(school: School) -> None:
    async with school.stream(PUBLISHED, caller=school.learner) as stream:
        await listening(stream)
        for channel in school.runtime.pubsub._channels.values():
            for subscription in channel.subscriptions:
                subscription.put(RESYNC)
        _, told = await stream.event()
        assert told["data"]["coursePublished"] == {"resync": True, "course": None}
