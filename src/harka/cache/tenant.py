"""Cached values of one tenant at a time, forgotten all together when the tenant's generation moves on.

Docs: `docs/decisions/0009-cache-and-pubsub.md`. A key contains the generation, so forgetting costs one INCRBY
and old values simply expire. A value is sealed with its key: one read from under another key is refused.
"""

import asyncio
import contextlib
import hashlib
import hmac
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from cachetools import LRUCache
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from harka import logs
from harka.cache import generation as generations
from harka.cache.breaker import Breaker
from harka.codec import packed, unpacked
from harka.errors import TenantRequiredError
from harka.fastpath import cache_key

T = TypeVar("T")
R = TypeVar("R")
Part = UUID | str | int | bytes | None

log = logs.logger("cache")

_TIMEOUT: Final = 0.25  # seconds; whoever waits longer would be better off without a cache
_CONNECTIONS: Final = 64
_VALUE_BYTES: Final = 65_536
_TAG_BYTES: Final = 16
# while a writer is at work, or was killed at it, nothing that is stored stays longer than this (seconds)
_TTL_DURING_WRITE: Final = 2.0
_TTL_JITTER: Final = 0.1
_NO_GENERATION: Final = 0
_BEGIN: Final = generations.EDGE + generations.WRITER
_END: Final = generations.EDGE - generations.WRITER
_FORGET: Final = generations.EDGE
_FIRST_RETRY: Final = 0.2
_LAST_RETRY: Final = 5.0


class Namespace(msgspec.Struct, Generic[T], frozen=True):
    """A kind of cached value. `version`: to be raised when the meaning of `type` changes. `ttl`: seconds."""

    name: str
    type: type[T]
    version: int = 1
    ttl: float = 60.0


class Lookup(msgspec.Struct, Generic[T], frozen=True):
    """What was found by key, and the generation it was looked up under; None: nothing may be stored."""

    found: Mapping[Any, T]
    generation: int | None


class TenantCache:
    """A cache that is down finds nothing and stores nothing; no method raises for it.

    Every method raises `TenantRequiredError` when `tenant` is not a UUID.
    """

    def __init__(self, url: str | None, key: bytes) -> None:
        """`url` None: caches nothing. `key`: 16 bytes, see `crypto.keyring`."""
        self._redis = _client(url) if url else None
        self._key = key
        self._seal_key = hashlib.blake2b(b"cache-seal", key=key, digest_size=32).digest()
        self._breaker = Breaker()
        # redis-py refuses a caller beyond the last connection instead of letting it wait
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._guesses: LRUCache[UUID, int] = LRUCache(10_000)
        self._owed: dict[UUID, int] = {}
        self._begun: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = dict.fromkeys(("hit", "miss", "refused", "failed"), 0)

    async def get_many(self, tenant: UUID, namespace: Namespace[T], keys: Sequence[Part]) -> Lookup[T]:
        """Look up BEFORE reading the database, and hand the answer to `set_many`.

        What the database said before a writer's commit is then stored under the generation that this
        writer ends, where nobody looks any more.
        """
        _require(tenant)
        if self._redis is None or tenant in self._owed or not keys:
            return Lookup({}, None)
        redis = self._redis
        answer = await self._attempt(lambda: self._read(redis, tenant, namespace, keys))
        if answer is None:
            return Lookup({}, None)
        found = {}
        for key, name, sealed in zip(keys, answer[1], answer[2], strict=True):
            if sealed is not None and (value := self._unsealed(name, sealed, namespace.type)) is not None:
                found[key] = value
        self.counts["hit"] += len(found)
        self.counts["miss"] += len(keys) - len(found)
        return Lookup(found, answer[0])

    async def set_many(
        self, tenant: UUID, namespace: Namespace[T], lookup: Lookup[T], values: Mapping[Any, T]
    ) -> None:
        """Store what the database answered after `lookup`; a value over 64 kB is left out."""
        _require(tenant)
        if self._redis is None or lookup.generation is None or not values or tenant in self._owed:
            return
        ttl = _TTL_DURING_WRITE if generations.has_writers(lookup.generation) else namespace.ttl
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in values.items():
            body = packed(value)
            if len(body) <= _VALUE_BYTES:
                name = self._name(tenant, namespace, lookup.generation, key)
                # spread out, so that what was stored together does not expire together
                milliseconds = int(ttl * 1000 * random.uniform(1 - _TTL_JITTER, 1))  # noqa: S311 - no secret
                _ = pipeline.set(name, self._tag(name, body) + body, px=milliseconds)
        await self._attempt(pipeline.execute)

    async def get_lasting(self, tenant: UUID, namespace: Namespace[T], key: Part) -> T | None:
        """What no write changes, or None."""
        _require(tenant)
        redis = self._redis
        if redis is None:
            return None
        name = self._name(tenant, namespace, _NO_GENERATION, key)
        sealed = await self._attempt(lambda: redis.get(name))
        value = self._unsealed(name, sealed, namespace.type) if isinstance(sealed, bytes) else None
        self.counts["miss" if value is None else "hit"] += 1
        return value

    async def set_lasting(self, tenant: UUID, namespace: Namespace[T], key: Part, value: T) -> None:
        """Keep it through writes, until it expires; a value over 64 kB is left out."""
        _require(tenant)
        redis, body = self._redis, packed(value)
        if redis is not None and len(body) <= _VALUE_BYTES:
            name = self._name(tenant, namespace, _NO_GENERATION, key)
            sealed = self._tag(name, body) + body
            await self._attempt(lambda: redis.set(name, sealed, px=int(namespace.ttl * 1000)))

    async def begin_write(self, tenant: UUID) -> None:
        """Call before a commit that changes cached rows, and `invalidate` after it, whatever came of it.

        Until then nothing is stored for longer than 2 s: little is left by a process killed between them.
        """
        _require(tenant)
        redis = self._redis
        if redis is not None and await self._attempt(lambda: _moved(redis, tenant, _BEGIN)):
            self._begun[tenant] += 1

    async def invalidate(self, tenant: UUID) -> None:
        """Forget the tenant's values, now or as soon as Valkey is back; until then they are not used here."""
        _require(tenant)
        if self._redis is None:
            return
        change = _FORGET
        if self._begun[tenant]:
            self._begun[tenant] -= 1
            change = _END
        if not self._begun[tenant]:
            del self._begun[tenant]
        # a task of its own: a cancelled request must not leave the change untold
        await asyncio.shield(self._start(self._move_or_owe(self._redis, tenant, change)))

    async def ping(self) -> bool:
        """Whether Valkey answers; True when none is configured."""
        if self._redis is None:
            return True
        try:
            async with asyncio.timeout(2 * _TIMEOUT):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError):
            return False
        self._breaker.succeeded()
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()

    async def _read(
        self, redis: Redis, tenant: UUID, namespace: Namespace[T], keys: Sequence[Part]
    ) -> tuple[int, list[str], list[bytes | None]]:
        """One round trip while the generation is the one seen last, two after it moved on."""
        guess = self._guesses.get(tenant, 0)
        names = [self._name(tenant, namespace, guess, key) for key in keys]
        current, values = await generations.read(redis, tenant, names if guess else ())
        while current != guess:
            guess = current
            names = [self._name(tenant, namespace, guess, key) for key in keys]
            current, values = await generations.read(redis, tenant, names)
        self._guesses[tenant] = current
        return current, names, values

    async def _move_or_owe(self, redis: Redis, tenant: UUID, change: int) -> None:
        if tenant not in self._owed and await self._attempt(lambda: _moved(redis, tenant, change)):
            return
        waiting = tenant in self._owed
        self._owed[tenant] = self._owed.get(tenant, 0) + change
        if not waiting:
            log.warning("invalidation failed, cache bypassed", tenant=tenant)
            _ = self._start(self._pay(redis, tenant))

    async def _pay(self, redis: Redis, tenant: UUID) -> None:
        pause = _FIRST_RETRY
        while self._owed[tenant]:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_RETRY)
            change = self._owed[tenant]
            if await self._attempt(partial(_moved, redis, tenant, change)):
                self._owed[tenant] -= change
        del self._owed[tenant]
        log.info("invalidation made up for", tenant=tenant)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _attempt(self, call: Callable[[], Awaitable[R]]) -> R | None:
        """The answer, or None from a Valkey that is down, or was a moment ago."""
        if not self._breaker.allows():
            self.counts["refused"] += 1
            return None
        try:
            async with asyncio.timeout(_TIMEOUT), self._slots:
                answer = await call()
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self.counts["failed"] += 1
            self._breaker.failed()
            log.warning("cache failed", error=type(error).__name__)
            return None
        self._breaker.succeeded()
        return answer

    def _name(self, tenant: UUID, namespace: Namespace[T], generation: int, key: Part) -> str:
        part = key.bytes if isinstance(key, UUID) else key
        name = cache_key(self._key, tenant.bytes, generation, namespace.version, namespace.name, (part,))
        return f"harka:value:{name}"

    def _tag(self, name: str, body: bytes) -> bytes:
        sealed = name.encode() + b"\0" + body
        return hashlib.blake2b(sealed, key=self._seal_key, digest_size=_TAG_BYTES).digest()

    def _unsealed(self, name: str, sealed: bytes, type_: type[T]) -> T | None:
        tag, body = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(name, body)):
            log.error("cached value does not belong to its key")
            return None
        with contextlib.suppress(msgspec.DecodeError):
            return unpacked(body, type_)
        return None


async def _moved(redis: Redis, tenant: UUID, change: int) -> bool:
    await generations.move(redis, tenant, change)
    return True


def _client(url: str) -> Redis:
    """Fails fast and never retries by itself: the breaker decides when to try again."""
    return Redis.from_url(
        url,
        protocol=2,
        max_connections=2 * _CONNECTIONS,
        # asyncio.timeout around each call instead: redis-py uses wait_for, which before Python 3.12
        # may swallow a cancellation
        socket_timeout=None,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def _require(tenant: object) -> None:
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
