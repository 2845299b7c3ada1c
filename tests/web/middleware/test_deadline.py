import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from conftest import Servers
from doors import Echo, client, scoped
from harka import clock
from harka.errors import BadRequestError
from harka.storage.databases import Databases
from harka.storage.location import admin_url
from harka.storage.migrate import connected
from harka.tenancy.permission import Permission
from harka.web.middleware.deadline import DeadlineMiddleware
from school import School, school
from storage.writes import Writes
from waiting import until

__all__ = ["school"]

COUNT = {"query": "{ users(first: 1) { totalCount } }"}
"""Of what no cache keeps."""
BLOCKED = """SELECT pid FROM pg_stat_activity
  WHERE state = 'active' AND $1 = ANY (pg_blocking_pids(pid))"""


@pytest.mark.parametrize(("given", "seconds"), [("2", 2.0), ("0.25", 0.25), ("60", 5.0), ("999999999", 5.0)])
async def test_a_client_can_only_hurry(given: str, seconds: float) -> None:
    echo = Echo()
    async with client(scoped(DeadlineMiddleware(echo), timeout=5.0)) as http:
        await http.get("/", headers={"x-request-deadline": given})
    left = echo.scope["harka"].deadline - clock.monotonic()
    assert seconds - 0.2 < left <= seconds


async def test_without_one_the_deadline_is_the_servers() -> None:
    echo = Echo()
    async with client(scoped(DeadlineMiddleware(echo), timeout=5.0)) as http:
        await http.get("/")
    assert echo.scope["harka"].deadline - clock.monotonic() > 4.0


@pytest.mark.parametrize(
    "given", ["", "0", "0.0", "-1", "soon", "1e3", "inf", "nan", "1,5", "1 ", "9" * 10, "1.", "\u0661", "1s"]
)
async def test_what_is_no_time_is_refused(given: str) -> None:
    async with client(scoped(DeadlineMiddleware(Echo()))) as http:
        with pytest.raises(BadRequestError, match="X-Request-Deadline"):
            await http.get("/", headers={"x-request-deadline": given.encode()})


async def test_two_are_none() -> None:
    async with client(scoped(DeadlineMiddleware(Echo()))) as http:
        with pytest.raises(BadRequestError):
            await http.get("/", headers=[("x-request-deadline", "1"), ("x-request-deadline", "2")])


@asynccontextmanager
async def on_one_connection(school: School) -> AsyncIterator[tuple[School, Writes]]:
    """The same school, and what is written to PostgreSQL for it; statements are prepared."""
    settings = msgspec.structs.replace(school.runtime.settings, pool_size=1)
    databases = Databases(settings)
    alone = School(msgspec.structs.replace(school.runtime, databases=databases), school.organization)
    alone.keys = school.keys
    try:
        headers = await alone.headers(tuple(Permission))
        for _ in range(2):
            assert (await alone.send(json=COUNT, headers=headers)).json()["data"]["users"]["totalCount"] == 4
        pool = databases.pool(school.organization.location.database)
        wire = await pool.acquire(asyncio.get_running_loop().time() + 10, b"")
        pool.release(wire)
        yield alone, Writes.of(wire)
    finally:
        await databases.close()


async def test_a_requests_deadline_is_its_statements_timeout(school: School, servers: Servers) -> None:
    """To the milliseconds that were left of it, and PostgreSQL itself ends what takes longer."""
    seconds, location = 3.0, school.organization.location
    async with (
        on_one_connection(school) as (alone, seen),
        connected(servers.admin_url) as watching,
        connected(admin_url(school.runtime.settings, location.database)) as owner,
        owner.transaction(),
    ):
        await owner.execute(f'LOCK TABLE {location.schema}."user" IN ACCESS EXCLUSIVE MODE')
        headers = {
            **await alone.headers(tuple(Permission)),
            "x-request-deadline": str(seconds),
            # the other media type says 200 to whatever is well-formed
            "accept": "application/graphql-response+json",
        }
        asked = asyncio.create_task(alone.send(json=COUNT, headers=headers))

        async def blocked() -> list[int]:
            return [row["pid"] for row in await watching.fetch(BLOCKED, owner.get_server_pid())]

        while not (backends := await blocked()):
            assert not asked.done()
        response = await asked
        assert response.status_code == 504
        assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        assert await blocked() == []
    named = re.escape(str(school.organization.id).encode()) + rb"\0\0\0\x0a([ 0-9]{10})"
    timeouts = [int(found) for each in seen.found for found in re.findall(named, each)]
    assert timeouts
    assert all(0 < each <= seconds * 1000 for each in timeouts)
    log = next(c.program.log for c in servers.embedded._children if c.program.name == "postgres")
    said = f"[{backends[0]}] ERROR:  canceling statement due to statement timeout"

    async def is_told() -> bool:
        return said in log.read_text(errors="replace")

    await until(is_told)
