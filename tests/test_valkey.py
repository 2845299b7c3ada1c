import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.exceptions import RedisError

from harka.valkey import Client, Patience, Script, close_client, command, open_client
from own_valkey import OwnValkey


@pytest.fixture(scope="module")
def valkey() -> Iterator[OwnValkey]:
    started = OwnValkey()
    started.start()
    yield started
    started.remove()


@pytest.fixture
async def client(valkey: OwnValkey) -> AsyncIterator[Client]:
    opened = open_client(valkey.url, connections=4, connect_timeout=1.0)
    yield opened
    await opened.aclose()


async def test_a_script_is_sent_once_and_again_after_a_restart(client: Client) -> None:
    script = Script("return {KEYS[1], ARGV[1]}")
    for _ in range(2):
        assert await script.run(client, ["a"], [1]) == [b"a", b"1"]
        await command(client, "SCRIPT", "FLUSH")


async def test_patience_ends() -> None:
    start = time.perf_counter()
    with pytest.raises(TimeoutError):
        async with Patience(0.02):
            await asyncio.Event().wait()
    assert 0.02 <= time.perf_counter() - start < 0.5


async def test_an_answer_that_has_arrived_while_we_were_busy_is_read(client: Client) -> None:
    await command(client, "PING")
    async with Patience(0.02):
        asking = asyncio.create_task(command(client, "PING"))
        await asyncio.sleep(0.001)
        time.sleep(0.05)  # noqa: ASYNC251 - this is how a busy process looks
        assert await asking


async def test_somebody_elses_cancellation_is_no_timeout() -> None:
    async def wait() -> None:
        async with Patience(10.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cluster_of_which_no_node_is_reached_fails_as_one_server_does() -> None:
    """What redis-py raises of itself is no `RedisError`, which is what we wait for."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    for scheme in ("redis", "redis+cluster"):
        client = open_client(f"{scheme}://127.0.0.1:{port}", connections=1, connect_timeout=0.5)
        with pytest.raises(RedisError):
            await command(client, "GET", "a")
        await close_client(client)
