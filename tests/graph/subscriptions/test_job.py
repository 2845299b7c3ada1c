from harka.ids import NodeKind, new_id
from harka.learning import job
from harka.pubsub import RESYNC
from harka.queue.message import JOB_CHANGES_TOPIC
from school import School, Stream

PROGRESS = """subscription ($id: ID!) { jobProgress(jobId: $id) { resync job { id state done } } }"""


async def heard(stream: Stream) -> object:
    while (event := await stream.event()) == ("heartbeat", None):
        pass
    kind, told = event
    assert kind == "next"
    return told["data"]["jobProgress"] if "errors" not in told else told["errors"][0]["extensions"]["code"]


async def test_a_listener_hears_of_its_job_and_of_no_other(school: School) -> None:
    id_ = school.id(NodeKind.TENANT_JOB, school.job)
    async with school.stream(PROGRESS, {"id": id_}, caller=school.owner) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        async with school.work() as work:
            assert school.job is not None
            await job.cancel(work, school.job.id)
        assert await heard(stream) == {
            "resync": False,
            "job": {"id": id_, "state": "CANCELLED", "done": None},
        }
        # something of another job, which is passed over
        await school.runtime.pubsub.publish(school.organization.id, JOB_CHANGES_TOPIC, {})
        async with school.work() as work:
            await job.retry(work, school.job.id)
        assert await heard(stream) == {"resync": False, "job": {"id": id_, "state": "QUEUED", "done": None}}
        for name, channel in school.runtime.pubsub._channels.items():
            for subscription in channel.subscriptions if name.endswith(JOB_CHANGES_TOPIC) else ():
                subscription.put(RESYNC)
        assert await heard(stream) == {"resync": True, "job": {"id": id_, "state": "QUEUED", "done": None}}


async def test_what_is_not_there_is_not_listened_to(school: School) -> None:
    absent = {"id": school.id(NodeKind.TENANT_JOB, new_id())}
    async with school.stream(PROGRESS, absent, caller=school.owner) as stream:
        assert await stream.opened() == 200
        assert await heard(stream) == "NOT_FOUND"
    asked = {"id": school.id(NodeKind.TENANT_JOB, school.job)}
    async with school.stream(PROGRESS, asked, caller=school.instructor) as stream:
        assert await stream.opened() == 200
        assert await heard(stream) == "FORBIDDEN"
