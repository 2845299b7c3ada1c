from collections.abc import Awaitable, Callable

import msgspec
import pytest

from academy import Academy
from harka.ids import new_id
from harka.learning import domain, job
from harka.learning.job import JobDraft, JobKind
from harka.repositories import domain as domains
from harka.runtime import Runtime
from harka.tenancy.dns import Dns
from harka.tenancy.snapshot import Snapshot
from harka.worker import schedule
from harka.worker.execution import Execution
from nameserver import NameServer


@pytest.mark.parametrize("is_asked", [False, True])
async def test_a_worker_finds_out_that_a_proof_is_gone(
    runtime: Runtime,
    found: Callable[..., Awaitable[Academy]],
    name_server: NameServer,
    monkeypatch: pytest.MonkeyPatch,
    is_asked: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """When it is time to look again, or at once where somebody asks."""
    academy = await found()
    catalog, tenant = runtime.catalog, academy.organization.id
    claimed = await domains.insert(catalog, new_id(), tenant, f"{tenant.hex}.example", "PENDING", most=1)
    assert claimed is not None
    await domains.prove(catalog, tenant, claimed.id)
    served = await domains.activate(catalog, tenant, claimed.id, None)
    name = claimed.name

    def is_served(seen: Snapshot) -> bool:
        """Its organization says so, too, which another statement reads."""
        organization = seen.organization(tenant)
        return name in seen.domains and organization is not None and organization.domain == name

    organization = (await runtime.directory.until(is_served)).organization(tenant)
    assert organization is not None
    for _ in range(2):
        await schedule.visit(runtime, organization, seconds=60)
    assert sorted(row["type"] for row in await academy.rows("job")) == ["domain.recheck", "usage.measure"]
    if is_asked:
        async with academy.work() as work:
            await job.enqueue(work, JobDraft(kind=JobKind.RECHECK_DOMAINS))
    else:
        monkeypatch.setattr(domain, "PERIOD", 0.0)
    asking = msgspec.structs.replace(runtime, dns=Dns(name_server.address))
    execution = Execution(asking)
    while runs := (await execution.claim(organization, 8)).runs:
        for run in runs:
            await execution.run(organization, run)
    assert {row["state"] for row in await academy.rows("job")} == {"done"}
    (now,) = await domains.find_by_ids(catalog, tenant, [claimed.id])
    assert name_server.asked == [domain.record_name(now)]
    assert served is not None
    assert (now.status, served.proof_missing_since) == ("ACTIVE", None)
    assert now.proof_missing_since is not None
    assert len(await domains.find_missing(catalog, tenant)) == 1
