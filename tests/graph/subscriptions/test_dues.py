"""What listeners are told is paid for by their organization, though nobody is refused it."""

from types import SimpleNamespace

import msgspec
import pytest

from harka import clock
from harka.ids import NodeKind
from harka.learning import job
from harka.queue.message import JOB_CHANGES_TOPIC
from harka.tenancy import plan
from harka.tenancy.plan import Plan
from school import School
from waiting import until

PROGRESS = """subscription ($id: ID!) { jobProgress(jobId: $id) { resync job { id state } } }"""
POINTS = 1_000


async def test_events_take_points_and_processor_time(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    its = Plan(school.organization.plan)
    few = {"points": POINTS, "points_per_second": 0.001, "cpu_millicores": 1}
    limits = msgspec.structs.replace(plan.LIMITS[its], **few)
    monkeypatch.setattr(plan, "LIMITS", {**plan.LIMITS, its: limits})
    admission, at = school.runtime.admission, clock.monotonic()
    # nothing flows back, however long it takes
    still = SimpleNamespace(monotonic=lambda: at, now=clock.now)
    for module in ("quota", "allowance"):
        monkeypatch.setattr(f"harka.tenancy.{module}.clock", still)

    async def used() -> dict[str, float]:
        return {level.resource.name: level.used for level in await admission.levels(school.organization)}

    asked = {"id": school.id(NodeKind.TENANT_JOB, school.job)}
    async with school.stream(PROGRESS, asked, caller=school.owner) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        before = await used()
        async with school.work() as work:
            assert school.job is not None
            await job.cancel(work, school.job.id)
        while (event := await stream.event()) == ("heartbeat", None):
            pass
        assert event[1]["data"]["jobProgress"]["job"]["state"] == "CANCELLED"
        after = await used()
        # the event, and the job in it
        assert round(after["POINTS_PER_SECOND"] - before["POINTS_PER_SECOND"]) == 2
        assert after["CPU"] > before["CPU"]
        # of another job, which is not told
        await school.runtime.pubsub.publish(school.organization.id, JOB_CHANGES_TOPIC, {})

        async def was_looked_at() -> bool:
            # what is drawn and given back meanwhile is told to less than a microsecond
            return (await used())["CPU"] > after["CPU"] + 20e-6

        await until(was_looked_at)
        assert round((await used())["POINTS_PER_SECOND"] - after["POINTS_PER_SECOND"]) == 0
