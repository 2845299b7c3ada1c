"""Events between processes over Valkey: a channel for each tenant and topic, one connection to listen on.

Docs: `docs/decisions/0009-cache-and-pubsub.md`. Delivery is at most once. Whoever may have missed something
(a lost connection, a full queue, a Valkey that did not take it) is told so by an event with `resync`, and
reads the truth again.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from harka import clock, logs
from harka.codec import packed, unpacked
from harka.errors import TenantRequiredError
from harka.tasks import together
from harka.valkey import Client, close_client, command, make_connection, open_client

log = logs.logger("pubsub")

_QUEUED_EVENTS: Final = 256
_TOPIC_CHARACTERS: Final = 200
_ANY_CHANNEL: Final = "harka:event"
_PUBLISHERS: Final = 32
_PUBLISH_TIMEOUT: Final = 0.5
# after a failure nobody else waits for a Valkey that is down
_REFUSAL_PERIOD: Final = 1.0
_MOST_MISSED: Final = 10_000
_CONFIRM_TIMEOUT: Final = 1.0
_SOON: Final = 0.25
# a silent connection is asked for a sign of life, and given up when it gives none
_SILENCE: Final = 10.0
_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 5.0


class Event(msgspec.Struct, frozen=True):
    """`payload` as published. `resync`: events may have been lost, the payload is empty."""

    payload: Mapping[str, Any]
    resync: bool = False


RESYNC: Final = Event({}, resync=True)


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """What travels. The tenant goes along and is compared on arrival: a channel name is only a name."""

    tenant: UUID
    topic: str
    payload: dict[str, Any]
    resync: bool = False


class Subscription:
    """The queue of one subscriber. A full one is emptied: the subscriber has lost track and is told so."""

    def __init__(self, size: int) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(size)
        self.started = False
        self.connection = 0

    def put(self, event: Event | None) -> None:
        """None ends the subscription."""
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            event = RESYNC if event is not None else None
        self._queue.put_nowait(event)

    def confirm(self, connection: int) -> None:
        """The channel is subscribed to on this connection, counted from 1: what came between is lost."""
        if self.started and self.connection != connection:
            self.put(RESYNC)
        self.connection = connection

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if event is None:
            self.put(None)  # ended for whoever asks again, too
            raise StopAsyncIteration
        return event


class PubSub:
    """One for a process. Methods raise `TenantRequiredError` when `tenant` is not a UUID."""

    def __init__(self, url: str | None, *, queue_size: int = _QUEUED_EVENTS) -> None:
        """`url` None: events stay in this process. `queue_size`: events, for each subscriber."""
        self._redis: Client | None = None
        if url:
            self._redis = open_client(url, connections=_PUBLISHERS, connect_timeout=_PUBLISH_TIMEOUT)
        self._queue_size = queue_size
        self._channels: dict[str, _Channel] = {}
        self._line = _Line(self._redis, self._channels) if self._redis else None
        self._slots = asyncio.Semaphore(_PUBLISHERS)
        self._refuse_until = 0.0
        self._soon: dict[str, asyncio.Task[bool]] = {}
        # the channels of what was not published: those who listen are told when Valkey takes it again
        self._missed: dict[str, bytes] = {}
        self._making_up: asyncio.Task[None] | None = None
        self._closed = False

    async def publish(self, tenant: UUID, topic: str, payload: Mapping[str, Any]) -> bool:
        """Tell subscribers in all processes. Never fails the writer.

        False when Valkey did not take it: they are given a `resync` when it does.
        """
        name = _channel_name(tenant, topic)
        message = packed(_Message(tenant, topic, dict(payload)))
        if self._redis is None:
            _deliver(self._channels, name, message)
            return True
        if clock.monotonic() >= self._refuse_until and await self._published(name, message):
            return True
        self._miss(name, packed(_Message(tenant, topic, {}, resync=True)))
        return False

    async def _published(self, name: str, message: bytes) -> bool:
        assert self._redis is not None  # noqa: S101 - without one, nothing is published
        try:
            async with asyncio.timeout(_PUBLISH_TIMEOUT), self._slots:
                await command(self._redis, "PUBLISH", name, message)
        except (RedisError, OSError, TimeoutError) as error:
            self._refuse_until = clock.monotonic() + _REFUSAL_PERIOD
            log.warning("event not published", channel=name, error=type(error).__name__)
            return False
        return True

    def _miss(self, name: str, message: bytes) -> None:
        if self._closed or len(self._missed) >= _MOST_MISSED:
            return
        self._missed[name] = message
        if self._making_up is None or self._making_up.done():
            self._making_up = asyncio.create_task(self._make_up(), name="events missed")

    async def _make_up(self) -> None:
        while self._missed:
            await asyncio.sleep(_REFUSAL_PERIOD)
            while self._missed:
                # what is missed while this is on its way is missed anew
                name, message = self._missed.popitem()
                if not await self._published(name, message):
                    self._missed.setdefault(name, message)
                    break

    def publish_soon(self, tenant: UUID, topic: str) -> None:
        """Tell subscribers in a quarter of a second, once for all that is said until then; no payload."""
        name = _channel_name(tenant, topic)
        if name not in self._soon and not self._closed:
            self._soon[name] = asyncio.create_task(self._publish_later(name, tenant, topic))

    async def _publish_later(self, name: str, tenant: UUID, topic: str) -> bool:
        await asyncio.sleep(_SOON)
        # what is said from here on may not be seen by who hears this: it needs another
        del self._soon[name]
        return await self.publish(tenant, topic, {})

    @asynccontextmanager
    async def subscribe(self, tenant: UUID, topic: str) -> AsyncIterator[AsyncIterator[Event]]:
        """Events published from the moment the block is entered; they end when the process shuts down.

        While Valkey is down there are none, and a `resync` as soon as it is back.
        """
        name = _channel_name(tenant, topic)
        subscription = Subscription(self._queue_size)
        channel = self._channels.setdefault(name, _Channel())
        channel.subscriptions.add(subscription)
        try:
            if self._closed:
                subscription.put(None)
            elif self._line is not None:
                await self._line.join(name, channel)
                subscription.connection = channel.connection
            subscription.started = True
            yield subscription
        finally:
            channel.subscriptions.discard(subscription)
            # nobody can have joined since: there is no await before the entry is gone
            if not channel.subscriptions:
                del self._channels[name]
                if self._line is not None:
                    self._line.leave(name)

    def end_subscriptions(self) -> None:
        """Let every subscriber come to its end, now and from now on: the first step of shutting down."""
        self._closed = True
        for channel in self._channels.values():
            for subscription in channel.subscriptions:
                subscription.put(None)

    async def close(self) -> None:
        self.end_subscriptions()
        for task in (*self._soon.values(), *([self._making_up] if self._making_up else [])):
            task.cancel()
        if self._line is not None:
            await self._line.close()
        if self._redis is not None:
            await close_client(self._redis)


class _Channel:
    """`connection`: the number of the connection that has confirmed it, 0 while none has."""

    def __init__(self) -> None:
        self.subscriptions: set[Subscription] = set()
        self.confirmed = asyncio.Event()
        self.connection = 0


class _Line:
    """The subscriber connection: kept while the process runs, made anew when it breaks."""

    def __init__(self, redis: Client, channels: dict[str, _Channel]) -> None:
        self._redis = redis
        self._channels = channels
        self._connection: AbstractConnection | None = None
        self._number = 0
        self._commands: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        # SUBSCRIBEs sent and not yet answered: only the last answer speaks of the present
        self._unanswered: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    async def join(self, name: str, channel: _Channel) -> None:
        """Return when Valkey has confirmed, or after a second: a `resync` then follows when it does."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="pubsub")
        if not channel.confirmed.is_set():
            self._commands.put_nowait(("SUBSCRIBE", name))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONFIRM_TIMEOUT):
                await channel.confirmed.wait()

    def leave(self, name: str) -> None:
        self._commands.put_nowait(("UNSUBSCRIBE", name))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = _FIRST_RETRY
        while True:
            before = self._number
            try:
                await self._serve()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("subscriber connection lost", error=type(error).__name__)
            if self._number > before:
                pause = _FIRST_RETRY
            # jitter against processes coming back in step
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(2 * pause, _LAST_RETRY)

    async def _serve(self) -> None:
        """Serve one connection until it breaks."""
        # what is published anywhere in a cluster is heard at each of its nodes
        connection = await make_connection(self._redis, _ANY_CHANNEL)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare
            self._number += 1
            # the channels known now, then what is asked for from now on
            self._unanswered.clear()
            self._commands = asyncio.Queue()
            for name in self._channels:
                self._commands.put_nowait(("SUBSCRIBE", name))
            await together(self._send(connection), self._receive(connection))
        finally:
            for channel in self._channels.values():
                channel.confirmed.clear()
            await connection.disconnect(nowait=True)

    async def _send(self, connection: AbstractConnection) -> None:
        while True:
            command, name = await self._commands.get()
            if command == "SUBSCRIBE":
                self._unanswered[name] += 1
            await connection.send_command(command, name)

    async def _receive(self, connection: AbstractConnection) -> None:
        asked = False
        while True:
            answer = await connection.read_response(timeout=_SILENCE, disconnect_on_error=False)
            match answer:
                case [b"message", bytes() as name, bytes() as message]:
                    _deliver(self._channels, name.decode(), message)
                case [b"subscribe", bytes() as name, _]:
                    self._confirm(name.decode())
                case None if asked:
                    raise TimeoutError
                case _:
                    pass
            asked = answer is None
            if asked:
                await connection.send_command("PING")

    def _confirm(self, name: str) -> None:
        self._unanswered[name] -= 1
        if self._unanswered[name] > 0 or (channel := self._channels.get(name)) is None:
            return
        channel.connection = self._number
        channel.confirmed.set()
        for subscription in channel.subscriptions:
            subscription.confirm(self._number)


def _deliver(channels: Mapping[str, _Channel], name: str, message: bytes) -> None:
    channel = channels.get(name)
    if channel is None:
        return
    try:
        received = unpacked(message, _Message)
    except msgspec.DecodeError:
        log.warning("unreadable event dropped")
        return
    if _channel_name(received.tenant, received.topic) != name:
        log.error("event on another tenant's channel dropped", tenant=received.tenant)
        return
    event = RESYNC if received.resync else Event(received.payload)
    for subscription in channel.subscriptions:
        subscription.put(event)


def _channel_name(tenant: UUID, topic: str) -> str:
    if not isinstance(cast("object", tenant), UUID):
        raise TenantRequiredError
    if not topic or len(topic) > _TOPIC_CHARACTERS:
        raise ValueError("a topic has 1 to 200 characters")
    return f"harka:event:{tenant.hex}:{topic}"
