import asyncio
import time

import pytest
from redis.asyncio import Redis

from harka.cache.server import PATIENCE, Server
from own_valkey import OwnValkey
from waiting import until


def counts() -> dict[str, int]:
    return {"refused": 0, "failed": 0}


async def pinged(server: Server) -> object:
    return await server.attempt(server.ping)


async def test_it_answers(shared_valkey: OwnValkey) -> None:
    server = Server(shared_valkey.url, counts())
    # within 20 ms, which a busy machine may not manage at once
    await until(lambda: pinged(server))
    await server.close()


async def test_a_frozen_one_costs_20_ms_twice_and_then_nothing(own_valkey: OwnValkey) -> None:
    told = counts()
    server = Server(own_valkey.url, told)
    await until(lambda: pinged(server))
    failed = told["failed"]
    own_valkey.freeze()
    start = time.perf_counter()
    for _ in range(1000):
        assert await server.attempt(lambda: server.client.get("a")) is None
    assert 2 * PATIENCE <= time.perf_counter() - start < 10 * PATIENCE
    assert told["failed"] == failed + 2
    assert not await server.ping()
    own_valkey.thaw()
    await until(server.ping)
    assert await server.attempt(lambda: server.client.exists("a")) == 0
    await server.close()


async def test_when_it_fails_nobody_relies_on_anything_after_the_lease(own_valkey: OwnValkey) -> None:
    server = Server(own_valkey.url, counts(), patience=1.0)
    own_valkey.stop()
    assert await server.attempt(lambda: server.client.get("a")) is None
    start = time.perf_counter()
    await server.lease_over()
    assert 0.03 < time.perf_counter() - start < 0.2
    start = time.perf_counter()
    await server.lease_over()
    assert time.perf_counter() - start < 0.02
    await server.close()


@pytest.mark.parametrize("callers", [500])
async def test_many_at_once_wait_for_each_other_and_none_fails(
    shared_valkey: OwnValkey, callers: int
) -> None:
    told = counts()
    server = Server(shared_valkey.url, told, patience=1.0)
    answers = await asyncio.gather(
        *(server.attempt(lambda: server.client.exists("a")) for _ in range(callers))
    )
    assert (answers, told) == ([0] * callers, counts())
    await server.close()


async def test_what_it_refuses_of_one_is_no_outage(shared_valkey: OwnValkey) -> None:
    told = counts()
    server = Server(shared_valkey.url, told, patience=1.0)
    assert await server.attempt(lambda: server.client.set("a string", "x"))
    for _ in range(5):
        assert await server.attempt(lambda: server.client.hget("a string", "field")) is None
        assert await server.attempt(lambda: server.client.hincrby("a hash", "field", 2**80)) is None
        assert await server.attempt(lambda: server.client.eval("return {unpack({}, 1, 9999)}", 0)) is None
    assert await server.attempt(lambda: server.client.exists("a string")) == 1
    assert told == {"refused": 0, "failed": 15}
    assert not server.is_lost
    await server.close()


@pytest.mark.parametrize(
    "how",
    [
        ("REPLICAOF", "127.0.0.1", 1),
        ("CONFIG", "SET", "maxmemory", 1),
        ("CONFIG", "SET", "min-replicas-to-write", 1),
    ],
    ids=["READONLY", "OOM", "NOREPLICAS"],
)
async def test_one_that_does_for_nobody_what_is_asked_is_away(
    own_valkey: OwnValkey, how: tuple[str | int, ...]
) -> None:
    told = counts()
    server = Server(own_valkey.url, told, patience=1.0)
    async with Redis.from_url(own_valkey.url) as operator:
        await operator.config_set("maxmemory-policy", "noeviction")
        await operator.execute_command(*how)
    for _ in range(4):
        assert await server.attempt(lambda: server.client.set("a", "x")) is None
    assert told == {"refused": 2, "failed": 2}
    await server.close()
