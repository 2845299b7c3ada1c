"""What the queue can do, and whether it is fair: `./harka run python loadtests/queue_load.py [--seconds 60]`.

Two worker processes, on servers of the run's own. Figures are read from the jobs' own rows afterwards. It
ends with 1 when more ran at once than a plan allows, when shares are not as the weights, and when a tenant of
few jobs waits for one of many. All of that is counted in jobs, and holds however busy the machine is:
`--short` looks at nothing else, in under a minute. The long form, for a machine that has nothing else to do,
ends with 1 for what takes too long, too.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import asyncpg
from queue_worker import NOTHING, PAUSE
from rich.console import Console
from stage import Stage, stage

from harka import config
from harka.codec import json_bytes
from harka.ids import new_id
from harka.opening import open_runtime
from harka.queue.claim import claim
from harka.queue.enqueue import enqueue_many, signal
from harka.repositories.job import NewJob
from harka.repositories.job_run import Limits
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.location import app_url, database_name, with_database
from harka.storage.session import open_session
from harka.tenancy.plan import LIMITS, Plan
from harka.tenancy.provisioning import create_tenant

WORKERS: Final = 2
out: Final = Console(highlight=False, soft_wrap=True)
_BATCH: Final = 1_000
_POLL: Final = 0.2
_PATIENCE: Final = 120.0
_MOST_BETWEEN: Final = 500
"""Jobs of tenants of very many between the last that tenants of few put in and their last one done."""
_SHARE_MAY_DIFFER: Final = 0.10
_SHORTS_MAY_DIFFER: Final = 0.15
_SHORT: Final = 8.0
"""Seconds of contention."""
_ENQUEUED: Final = 20_000
"""Jobs a second, as the next."""
_DONE: Final = 3_000
_SMALL_ONES_WAIT: Final = 1.5
"""Seconds."""
_CLAIM_MAY_GROW: Final = 2.0
"""Times, of a thousand times as many that wait."""


async def tenant(runtime: Runtime, plan: Plan, name: str) -> Organization:
    return await create_tenant(
        runtime.catalog, runtime.settings, name=name, slug=name, plan=plan, users_expected=10
    )


async def put_in(
    runtime: Runtime, organization: Organization, type_: str, payload: object, count: int
) -> None:
    """So many jobs in batches, each a transaction of its own."""
    text = json_bytes(payload).decode()
    for _ in range(0, count, _BATCH):
        session = open_session(
            runtime.databases, organization.location, organization.id, read_only=False, timeout=30
        )
        jobs = [NewJob(id=new_id(), type=type_, payload=text) for _ in range(min(_BATCH, count))]
        await enqueue_many(session, jobs)
        await session.commit()
    await signal(runtime.pubsub, organization.id)


def database_of(stage_: Stage) -> str:
    """Where tenants' homes are, as superuser."""
    return with_database(stage_.admin_url, database_name(app_url(stage_.settings, "app")))


class Ledger:
    """Reads jobs of any tenant, as superuser."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def done(self, organizations: Sequence[Organization], type_: str) -> int:
        return sum([await self._done(each, type_) for each in organizations])

    async def ends(self, organization: Organization, type_: str) -> list[float]:
        """Seconds since the epoch."""
        return sorted(end for _, end in await self._times(organization, type_))

    async def last_put_in(self, organization: Organization) -> float:
        """Seconds since the epoch."""
        at: float = await self._connection.fetchval(
            f"""SELECT extract(epoch FROM max(created_at))::float8
            FROM {organization.location.schema}.job WHERE tenant_id = $1""",  # noqa: S608 - a name out of the catalog
            organization.id,
        )
        return at

    async def most_at_once(self, organization: Organization, type_: str) -> int:
        """How many ran at the same time, over all workers."""
        times = await self._times(organization, type_)
        steps = sorted([(start, 1) for start, _ in times] + [(end, -1) for _, end in times])
        running = highest = 0
        for _, step in steps:
            running += step
            highest = max(highest, running)
        return highest

    async def until_done(self, organizations: Sequence[Organization], type_: str, count: int) -> None:
        async with asyncio.timeout(_PATIENCE):
            while await self.done(organizations, type_) < count:  # noqa: ASYNC110 - other processes do it
                await asyncio.sleep(_POLL)

    async def _done(self, organization: Organization, type_: str) -> int:
        # a count alone: reading every row again and again would take from what is measured
        count: int = await self._connection.fetchval(
            f"""SELECT count(*) FROM {organization.location.schema}.job
            WHERE tenant_id = $1 AND type = $2 AND state = 'done'""",  # noqa: S608 - a name out of the catalog
            organization.id,
            type_,
        )
        return count

    async def _times(self, organization: Organization, type_: str) -> list[tuple[float, float]]:
        rows = await self._connection.fetch(
            f"""SELECT extract(epoch FROM started_at)::float8, extract(epoch FROM finished_at)::float8
            FROM {organization.location.schema}.job
            WHERE tenant_id = $1 AND type = $2 AND state = 'done'""",  # noqa: S608 - a name out of the catalog
            organization.id,
            type_,
        )
        return [(row[0], row[1]) for row in rows]


@contextlib.asynccontextmanager
async def workers(stage_: Stage, runtime: Runtime, ledger: Ledger, *, slots: int) -> AsyncIterator[None]:
    """Two, from when both have done something on."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("queue_worker.py")), str(slots), "20"]
    environment = config.environment(stage_.settings)
    log = (stage_.directory / "workers.log").open("ab")
    children = [
        await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
        for _ in range(WORKERS)
    ]
    try:
        warm = [await tenant(runtime, Plan.STARTER, f"warm-{new_id().hex[-12:]}") for _ in range(8)]
        await asyncio.sleep(1.0)
        for each in warm:
            await put_in(runtime, each, NOTHING, {}, 1)
        await ledger.until_done(warm, NOTHING, len(warm))
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            await child.wait()
        log.close()


def too_slow(what: str, rate: float, wanted: int) -> list[str]:
    out.print(f"{what}: {rate:,.0f} jobs/s (wanted {wanted:,})")
    return [] if rate >= wanted else [f"{what}: {rate:,.0f} jobs/s"]


async def measure_enqueue(runtime: Runtime) -> list[str]:
    """What is wrong, here and below."""
    target = await tenant(runtime, Plan.ENTERPRISE, "enqueue")
    began = time.perf_counter()
    await put_in(runtime, target, "nobody.knows", {"number": 1}, 50_000)
    seconds = time.perf_counter() - began
    return too_slow(f"enqueue, batches of {_BATCH:,}", 50_000 / seconds, _ENQUEUED)


async def measure_claim(
    runtime: Runtime, connection: asyncpg.Connection, waiting: Sequence[int]
) -> list[str]:
    """Claims of eight, committed, while so many wait."""
    target = await tenant(runtime, Plan.ENTERPRISE, "deep")
    limits = Limits(running=1_000_000, types={NOTHING: 1_000_000}, per_second=1e9, burst=1.0)
    there, medians = 0, []
    for count in waiting:
        await connection.execute(
            f"""INSERT INTO {target.location.schema}.job (tenant_id, id, type)
            SELECT $1::uuid, uuidv7(), $2::text FROM generate_series(1, $3::int)""",  # noqa: S608 - a name out of the catalog
            target.id,
            NOTHING,
            count - there,
        )
        await connection.execute(f"VACUUM ANALYZE {target.location.schema}.job")
        there, taken = count, []
        for _ in range(60):
            began = time.perf_counter()
            session = open_session(runtime.databases, target.location, target.id, read_only=False, timeout=30)
            await claim(session, limits, most=8)
            await session.commit()
            taken.append(time.perf_counter() - began)
        medians.append(statistics.median(taken))
        out.print(f"claim of 8 of {count:,}: {medians[-1] * 1000:.2f} ms")
    growth = medians[-1] / medians[0]
    out.print(f"{waiting[-1] // waiting[0]:,} times as many: {growth:.2f} times as long")
    return [] if growth <= _CLAIM_MAY_GROW else [f"a claim takes {growth:.2f} times as long"]


async def measure_nothing(stage_: Stage, runtime: Runtime, ledger: Ledger) -> list[str]:
    tenants = [await tenant(runtime, Plan.ENTERPRISE, f"nothing-{n}") for n in range(4)]
    async with workers(stage_, runtime, ledger, slots=16):
        for each in tenants:
            await put_in(runtime, each, NOTHING, {}, 5_000)
        await ledger.until_done(tenants, NOTHING, 20_000)
    ends = sorted([end for each in tenants for end in await ledger.ends(each, NOTHING)])
    # while all were at it
    middle = ends[len(ends) // 10 : len(ends) * 9 // 10]
    rate = len(middle) / (middle[-1] - middle[0])
    return too_slow(f"no-op jobs, {WORKERS} workers", rate, _DONE)


async def measure_fairness(
    stage_: Stage, runtime: Runtime, ledger: Ledger, many: int, *, in_time: float | None
) -> list[str]:
    """`many`: jobs of each busy one, who together may have more at once than have room.

    `in_time`: seconds for those of few; None where times are only told.
    """
    busy = [await tenant(runtime, Plan.ENTERPRISE, f"busy-{n}") for n in range(3)]
    small = [await tenant(runtime, Plan.STARTER, f"small-{n}") for n in range(20)]
    async with workers(stage_, runtime, ledger, slots=16):
        for each in busy:
            await put_in(runtime, each, PAUSE, {"seconds": 0.01}, many)
        began = time.time()
        for each in small:
            await put_in(runtime, each, PAUSE, {"seconds": 0.01}, 4)
        await ledger.until_done(small, PAUSE, 80)
    last = max([max(await ledger.ends(each, PAUSE)) for each in small])
    there = max([await ledger.last_put_in(each) for each in small])
    between = sum([there < end < last for each in busy for end in await ledger.ends(each, PAUSE)])
    most = [(each.plan, await ledger.most_at_once(each, PAUSE)) for each in (*busy, *small)]
    out.print(
        f"20 tenants x 4 jobs beside 3 x {many:,}: all done after {last - began:.2f} s "
        f"(wanted {_SMALL_ONES_WAIT}), and {between:,} of those meanwhile (at most {_MOST_BETWEEN})"
    )
    over = [(plan, count) for plan, count in most if count > LIMITS[Plan(plan)].running_jobs]
    out.print(
        f"most at once: {most[0][1]} of a busy one, "
        f"{max(count for _, count in most[len(busy) :])} of a small one"
    )
    out.print(f"caps exceeded: {len(over)} times (wanted 0)")
    return [
        *(f"of {plan} {count} ran at once" for plan, count in over),
        *([f"{between:,} jobs of another went first"] if between > _MOST_BETWEEN else []),
        *([f"few jobs took {last - began:.2f} s"] if in_time is not None and last - began > in_time else []),
    ]


async def measure_shares(stage_: Stage, runtime: Runtime, ledger: Ledger, seconds: float) -> list[str]:
    plans = (Plan.STARTER, Plan.GROWTH, Plan.ENTERPRISE)
    tenants = {plan: await tenant(runtime, plan, f"share-{plan.lower()}") for plan in plans}
    async with workers(stage_, runtime, ledger, slots=4):
        for each in tenants.values():
            count = max(_BATCH, round(seconds * 400) // _BATCH * _BATCH)
            await put_in(runtime, each, PAUSE, {"seconds": 0.02}, count)
        began = time.time() + 1.0
        await asyncio.sleep(seconds + 1.0)
    done = {
        plan: sum(began <= end < began + seconds for end in await ledger.ends(each, PAUSE))
        for plan, each in tenants.items()
    }
    weights, wrong = sum(LIMITS[plan].jobs_weight for plan in plans), []
    for plan in plans:
        share, due = done[plan] / sum(done.values()), LIMITS[plan].jobs_weight / weights
        out.print(
            f"share of {plan}: {share:.1%}, by weight {due:.1%}, off by {share / due - 1:+.1%} (wanted 10 %)"
        )
        if abs(share / due - 1) > (_SHARE_MAY_DIFFER if seconds > _SHORT else _SHORTS_MAY_DIFFER):
            wrong.append(f"the share of {plan} is {share:.1%}, not {due:.1%}")
    return wrong


async def main(stage_: Stage, seconds: float, *, short: bool) -> int:
    connection = await asyncpg.connect(database_of(stage_))
    ledger = Ledger(connection)
    try:
        async with open_runtime(stage_.settings) as runtime:
            wrong: list[str] = []
            if not short:
                wrong += await measure_enqueue(runtime)
                wrong += await measure_nothing(stage_, runtime, ledger)
            many, in_time = (2_000, None) if short else (10_000, _SMALL_ONES_WAIT)
            wrong += await measure_fairness(stage_, runtime, ledger, many, in_time=in_time)
            wrong += await measure_shares(stage_, runtime, ledger, _SHORT if short else seconds)
            if not short:
                wrong += await measure_claim(runtime, connection, (1_000, 1_000_000))
    finally:
        await connection.close()
    for each in wrong:
        out.print(f"WRONG: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of contention, for the shares")
    parser.add_argument("--short", action="store_true", help="only what must hold, in under a minute")
    asked = parser.parse_args()
    with stage() as own:
        ended = asyncio.run(main(own, asked.seconds, short=asked.short))
    sys.exit(ended)
