"""How Valkey is reached: its clients, its scripts, and for how long anybody waits for it."""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotReachedError
from redis.exceptions import (
    DataError,
    NoScriptError,
    RedisClusterException,
    ResponseError,
    SlotNotCoveredError,
)

Client = Redis | RedisCluster

_CLUSTER: Final = "+cluster://"
_TURNS: Final = 4


class Script:
    """Lua that Valkey runs without anything in between; all its keys are of one tenant, and of one slot."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - how Valkey names it

    async def run(self, client: Client, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """What it answers. Its text is sent once for each start of Valkey."""
        try:
            return await command(client, "EVALSHA", self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await command(client, "EVAL", self.text, len(keys), *keys, *arguments)


async def command(client: Client, *words: str | bytes | int) -> Any:
    """What Valkey answers; raises what redis-py raises."""
    return await client.execute_command(*words)


def is_answer(error: Exception) -> bool:
    """Whether a Valkey that works refuses what was asked: a script that fails, a key of another type.

    An answer that makes no sense is one, too. What nobody would be answered now is no plain `ResponseError`
    (LOADING, READONLY, OOM, CLUSTERDOWN), or one with a first word of its own (BUSY, MISCONF, NOREPLICAS);
    redis-py takes the word ERR off and keeps it apart.
    """
    if type(error) is not ResponseError:
        return isinstance(error, DataError | ValueError)
    return error.status_code == "ERR" or str(error).startswith("WRONGTYPE ")


class _Cluster(RedisCluster):
    """Says in the usual way that no node is reached: redis-py raises what is no `RedisError`."""

    async def initialize(self, *given: Any, **named: Any) -> Self:
        try:
            _ = await super().initialize(*given, **named)
        except RedisClusterException as error:
            raise NotReachedError(str(error)) from error
        return self


class Patience:
    """`async with Patience(seconds)`: raise `TimeoutError` when Valkey has not answered in that time.

    An answer that has arrived, and which a busy process has not read yet, is read first: it is Valkey's time
    that is measured, not ours.
    """

    __slots__ = ("_limit", "_loop", "_seconds", "_timer", "_turns")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._turns = _TURNS
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._timer: asyncio.Handle = self._loop.call_later(self._seconds, self._turn)
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(type_, error, trace)

    def _turn(self) -> None:
        """Let the loop look at its sockets a few times more."""
        self._turns -= 1
        if self._turns:
            self._timer = self._loop.call_soon(self._turn)
        else:
            self._limit.reschedule(self._loop.time())


def open_client(url: str, *, connections: int, connect_timeout: float) -> Client:
    """It fails fast and never retries by itself: whoever calls decides when to try again.

    `url`: of one server, or `redis+cluster://host:port` of any node of a cluster; `connections`: to each.
    Nobody waits longer than `Patience`: redis-py's own timeouts go through `wait_for`, which before
    Python 3.12 may swallow a cancellation.
    """
    if _CLUSTER in url:
        opened: RedisCluster = _Cluster.from_url(
            url.replace(_CLUSTER, "://"),
            protocol=2,
            max_connections=connections,
            socket_timeout=None,
            socket_connect_timeout=connect_timeout,
            # one: a key that has moved is asked for where it is
            retry=Retry(NoBackoff(), 1),
        )
        return opened
    return Redis.from_url(
        url,
        protocol=2,
        max_connections=connections,
        socket_timeout=None,
        socket_connect_timeout=connect_timeout,
        retry=Retry(NoBackoff(), 0),
    )


async def close_client(client: Client) -> None:
    """A cluster's client that has lost a node calls itself closed, and may have opened connections since."""
    await client.aclose()
    if isinstance(client, RedisCluster):
        await client.nodes_manager.aclose()
        await client.nodes_manager.aclose("startup_nodes")


def find_node(client: Client, key: str) -> str:
    """The name of the node that a key is on, empty where it is not known yet; one server needs no name."""
    if isinstance(client, RedisCluster):
        with contextlib.suppress(SlotNotCoveredError):
            node = client.get_node_from_key(key)
            return node.name if node else ""
    return ""


async def make_connection(client: Client, channel: str) -> AbstractConnection:
    """A connection of one's own, to listen on where `channel` is published; it never goes into the pool."""
    if isinstance(client, RedisCluster):
        _ = await client.initialize()
        node = client.get_node_from_key(channel)
        assert node is not None  # noqa: S101 - it raises for a slot that nobody has
        return node.connection_class(**node.connection_kwargs)
    connection: AbstractConnection = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it bare
    return connection
