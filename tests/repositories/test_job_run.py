"""A claim costs the same however many jobs wait, and however many of them may not run now."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from academy import Academy, Parts, founded
from harka.config import Settings
from harka.repositories import job_run
from harka.storage.location import Location, admin_url
from harka.storage.migrate import connected
from harka.storage.provision import create_home
from harka.storage.statement import Statement
from repositories.test_plans import prepared, rows_read

# most urgent is a type of which no more may run, then what is for later, then what is due
FILL = Statement(
    "test.fill",
    """INSERT INTO {schema}.job (tenant_id, id, type, priority, run_at)
    SELECT $1::uuid, uuidv7(), kind, priority, now() + delay * interval '1 s' + n * interval '1 ms'
    FROM generate_series(1, $2::int) AS n,
      (VALUES ($3::text, -1, -86400), ('free', 0, 86400), ('free', 0, -86400), ('free', 1, -86400))
        AS lane (kind, priority, delay)""",
)
HOLD = Statement(
    "test.hold",
    """INSERT INTO {schema}.job (tenant_id, id, type, state, leased_until)
    SELECT $1::uuid, uuidv7(), 'held', 'running', now() + interval '1 h'""",
)
HOME = "shard_small_8"


@pytest.fixture
async def queue(parts: Parts, academy_settings: Settings) -> AsyncIterator[Academy]:
    """In tables of its own: how large others' are is what planners go by."""
    academy = founded(parts)
    academy.organization = msgspec.structs.replace(academy.organization, schema=HOME, shard=HOME)
    await create_home(academy_settings, Location("app", HOME))
    async with academy.work() as work:
        await work.session.execute(HOLD)
    yield academy
    async with connected(admin_url(academy_settings)) as connection:
        await connection.execute(f"DROP SCHEMA {HOME} CASCADE")


async def jobs_read(academy: Academy, settings: Settings) -> int:
    """By a claim of eight, and by a look at what is left."""
    tenant, types = f"'{academy.organization.id}'", "'{held,free,none,of,these}'"
    claim = f"{tenant}, 20, 8, 100, {types}, '{{1,100,9,9,9}}', 1000, 1, 1, '{{none}}', 1"
    async with connected(admin_url(settings)) as connection:
        await connection.execute(f"VACUUM ANALYZE {HOME}.job")
    read = 0
    for statement, asked in ((job_run.CLAIM, claim), (job_run.OUTLOOK, f"{tenant}, {types}, 1")):
        async with prepared(settings, academy, statement) as connection:
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked})")
        read += rows_read(plan)["job"]
    return read


@pytest.mark.parametrize("urgent", ["held", "free"])
async def test_a_claim_reads_as_many_jobs_of_many_as_of_few(
    queue: Academy, academy_settings: Settings, urgent: str
) -> None:
    """Where there is one type alone, too: the planner must not look for others among its jobs."""
    read = []
    for more in (250, 9_750):
        async with queue.work() as work:
            await work.session.execute(FILL, more, urgent)
        read.append(await jobs_read(queue, academy_settings))

    assert max(read) < 60, "of a thousand, and of forty thousand"
