"""What listeners are told is paid for by their organization, though nobody is refused it."""

import msgspec
import pytest

from harka.ids import NodeKind
from harka.learning import job
from harka.tenancy import plan
from harka.tenancy.plan import Plan
from school import School

PROGRESS = """subscription ($id: ID!) { jobProgress(jobId: $id) { resync job { id state } } }"""
POINTS = 1_000


async def test_events_take_points_and_processor_time(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    its = Plan(school.organization.plan)
    # hardly anything flows back
    few = {"points": POINTS, "points_per_second": 0.001, "cpu_millicores": 1}
    limits = msgspec.structs.replace(plan.LIMITS[its], **few)
    monkeypatch.setattr(plan, "LIMITS", {**plan.LIMITS, its: limits})
    admission = school.runtime.admission

    def used() -> dict[str, float]:
        return {level.resource.name: level.used for level in admission.levels(school.organization)}

    asked = {"id": school.id(NodeKind.TENANT_JOB, school.job)}
    async with school.stream(PROGRESS, asked, caller=school.owner) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        before = used()
        async with school.work() as work:
            assert school.job is not None
            await job.cancel(work, school.job.id)
        while (event := await stream.event()) == ("heartbeat", None):
            pass
        assert event[1]["data"]["jobProgress"]["job"]["state"] == "CANCELLED"
        after = used()
    # the event, and the job in it
    assert round(after["POINTS_PER_SECOND"] - before["POINTS_PER_SECOND"]) == 2
    assert after["CPU"] > before["CPU"]
