import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx2
import msgspec
import pytest

from doors import client
from harka.config import Settings
from harka.opening import open_runtime
from harka.runtime import Runtime
from harka.web.health import Health
from harka.web.middleware.draining import Draining
from own_valkey import OwnValkey


@pytest.fixture
def own_valkey() -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    valkey.start()
    yield valkey
    valkey.remove()


@pytest.fixture
async def own_runtime(settings: Settings, own_valkey: OwnValkey) -> AsyncIterator[Runtime]:
    async with open_runtime(msgspec.structs.replace(settings, redis_url=own_valkey.url)) as runtime:
        yield runtime


def probes(runtime: Runtime) -> Health:
    return Health(runtime, Draining())


async def test_a_frozen_valkey_does_not_hold_the_probe(own_runtime: Runtime, own_valkey: OwnValkey) -> None:
    assert (await probes(own_runtime).report()).status == "ready"
    own_valkey.freeze()
    start = time.perf_counter()
    report = await probes(own_runtime).report()
    assert time.perf_counter() - start < 1.0
    assert (report.status, report.http_status) == ("degraded", 200)
    assert report.checks["valkey"] == "down"


async def test_a_database_that_never_answers_does_not_hold_the_probe(settings: Settings) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    away = msgspec.structs.replace(settings, app_database_url=f"postgresql://harka_app@127.0.0.1:{port}/x")
    async with open_runtime(away) as runtime:
        start = time.perf_counter()
        report = await probes(runtime).report()
        assert time.perf_counter() - start < 1.0
        assert (report.status, report.http_status) == ("unavailable", 503)
        assert report.checks["database"] in {"down", "timeout"}
        gone.set()
    server.close()
    await server.wait_closed()


async def test_many_probes_ask_the_servers_once(runtime: Runtime) -> None:
    health = probes(runtime)
    asked = 0
    ask = health._ask

    async def counted() -> dict[str, str]:
        nonlocal asked
        asked += 1
        return await ask()

    health._ask = counted  # type: ignore[method-assign]  # to count, not to replace
    reports = await asyncio.gather(*(health.report() for _ in range(100)))
    assert {report.status for report in reports} == {"ready"}
    assert asked == 1


async def test_alive_needs_nothing(runtime: Runtime) -> None:
    async with client(probes(runtime).livez) as http:
        answer: httpx2.Response = await http.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
