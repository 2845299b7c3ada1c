"""Cached values of one tenant at a time: in this process, over Valkey for all of them, over the database.

Docs: `docs/decisions/0009-cache-and-pubsub.md`, `0030-two-level-cache.md`. A value lies under a name that
contains the numbers of `generation`, so forgetting moves a number on, and old values simply expire. What this
process keeps itself is used while `News` says that no change was missed. A value is sealed with its name.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from harka import clock, logs
from harka.cache import generation as generations
from harka.cache import ledger
from harka.cache.doubts import Doubts
from harka.cache.flight import Flights, Own
from harka.cache.generation import ANY, TENANT, Reading, has_writers
from harka.cache.ledger import Stored
from harka.cache.local import LocalCache, LocalTenant, Name, Stamp
from harka.cache.news import News
from harka.cache.seal import Part, Seal
from harka.cache.server import PATIENCE, Server
from harka.cache.writes import Writes
from harka.codec import packed
from harka.errors import TenantRequiredError
from harka.ids import new_id

T = TypeVar("T")
Fetch = Callable[[Sequence[Any]], Awaitable[Mapping[Any, T]]]

log = logs.logger("cache")

LOCAL_BYTES: Final = 64 * 2**20
_VALUE_BYTES: Final = 65_536
# while a writer is at work, or was killed at it, nothing that is stored stays longer than this (seconds)
_TTL_DURING_WRITE: Final = 2.0
_TTL_JITTER: Final = 0.1
_LOCAL_TTL: Final = 10.0
_LASTING: Final = ":0:0"
_POLL: Final = 0.005


class Namespace(msgspec.Struct, Generic[T], frozen=True):
    """A kind of cached value. `version`: to be raised when the meaning of `type` changes. `ttl`: seconds.

    `scope`: what forgets a value beside a change of the tenant: "course" or "user", a change of the one whose
    id is its key; `ANY`, every change; empty, nothing else. `lease`: seconds for which other processes wait
    for the one that fetches a value; 0 where fetching costs no more than asking again.
    """

    name: str
    type: type[T]
    version: int = 1
    ttl: float = 60.0
    scope: str = TENANT
    lease: float = 0.0

    def scope_of(self, key: Part) -> str:
        return self.scope if self.scope in {TENANT, ANY} else f"{self.scope}:{key!s}"

    def name_of(self, key: Part) -> Name:
        """Of the value that this process keeps itself."""
        return self.name, self.version, key


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a value that was looked for lies. `is_fetched`: another process is at it.

    `is_changing`: a writer is at work.
    """

    name: str
    stamp: Stamp
    is_fetched: bool
    is_changing: bool


class Lookup(msgspec.Struct, Generic[T], frozen=True):
    """What was found by key; of the rest, where it may be stored: nowhere for None."""

    found: Mapping[Any, T]
    missing: Mapping[Any, Place] | None = None
    local: LocalTenant | None = None


class TenantCache:
    """A cache that is down finds nothing and stores nothing; no method raises for it.

    Every method raises `TenantRequiredError` when `tenant` is not a UUID. `budget`: the most bytes that the
    tenant's values may take in Valkey.
    """

    def __init__(
        self, url: str | None, key: bytes, *, local_bytes: int = LOCAL_BYTES, patience: float = PATIENCE
    ) -> None:
        """`url` None: caches nothing. `key`: 16 bytes, see `crypto.keyring`.

        `local_bytes`: of what this process keeps itself. `patience`: seconds for Valkey to answer in.
        """
        self.counts = dict.fromkeys(("local", "hit", "miss", "refused", "failed"), 0)
        self._server = Server(url, self.counts, patience) if url else None
        self._patience = patience
        self._seal = Seal(key)
        self._local = LocalCache(local_bytes)
        self._doubts = Doubts()
        self._news: News | None = None
        self._writes: Writes | None = None
        if self._server is not None:
            self._news = News(
                self._server.client, learn=self._local.learn, doubt=self._doubt, lost=self._local.clear
            )
            self._writes = Writes(self._server, self._news, self._local)
        self._flights = Flights()
        # to others this process is one reader: its own flights are for those within
        self._reader = new_id().hex

    def find(self, tenant: UUID, namespace: Namespace[T], key: Part) -> T | None:
        """What this process keeps itself and knows to be current, or None."""
        news, writes = self._news, self._writes
        if news is None or writes is None or writes.owes(tenant):
            return None
        now = clock.monotonic()
        if now >= news.until:
            news.look()
            return None
        value: T | None = self._local.find(tenant, namespace.name, namespace.version, key, now)
        if value is not None:
            self.counts["local"] += 1
        return value

    async def get_many(self, tenant: UUID, namespace: Namespace[T], keys: Sequence[Part]) -> Lookup[T]:
        """Look up BEFORE reading the database, and hand the answer to `set_many`.

        What the database said before a writer's commit is then stored under the number that this writer
        moves on, where nobody looks any more.
        """
        _require(tenant)
        server = self._server
        if server is None or self._owes(tenant) or not keys:
            return Lookup({})
        found = {key: value for key in keys if (value := self.find(tenant, namespace, key)) is not None}
        if len(found) == len(keys):
            return Lookup(found)
        if not await self._trusts():
            return Lookup(found)
        asked = [key for key in keys if key not in found]
        # before Valkey is asked: what is told of meanwhile is known to it when the answer comes
        local = self._local.of(tenant)
        names = [self._seal.name(tenant, namespace.name, namespace.version, key) for key in asked]
        scopes = [namespace.scope_of(key) for key in asked]
        pairs = list(zip(scopes, names, strict=True))
        answer = await server.attempt(
            lambda: generations.read(server.client, tenant, pairs, lease=namespace.lease, reader=self._reader)
        )
        if answer is None:
            return Lookup(found)
        missing = {}
        for key, (scope, name), reading in zip(asked, pairs, answer[1], strict=True):
            place = _place(answer[0], scope, name, reading)
            self._local.learn(tenant, {TENANT: answer[0], scope: place.stamp.number})
            value = self._opened(place, reading, namespace)
            if value is None:
                missing[key] = place
                continue
            found[key] = value
            self._local.keep(
                tenant,
                local,
                namespace.name_of(key),
                value,
                stamp=place.stamp,
                until=_here_until(reading.seconds),
                size=len(reading.sealed or b""),
            )
        self.counts["hit"] += len(asked) - len(missing)
        self.counts["miss"] += len(missing)
        return Lookup(found, missing, local)

    async def set_many(
        self,
        tenant: UUID,
        namespace: Namespace[T],
        lookup: Lookup[T],
        values: Mapping[Any, T],
        *,
        budget: int,
    ) -> None:
        """Store what the database answered after `lookup`; a value over 64 kB is left out."""
        _require(tenant)
        server = self._server
        if server is None or lookup.missing is None or lookup.local is None or self._owes(tenant):
            return
        stored = {}
        for key, place in lookup.missing.items():
            value = values.get(key)
            body = b"" if value is None else packed(value)
            if value is not None and len(body) <= _VALUE_BYTES:
                ttl = _ttl(namespace, place)
                sealed = self._seal.sealed(place.name, body)
                stored[place.name] = Stored(sealed, int(ttl * 1000))
                self._local.keep(
                    tenant,
                    lookup.local,
                    namespace.name_of(key),
                    value,
                    stamp=place.stamp,
                    until=_here_until(ttl),
                    size=len(body),
                )
            elif namespace.lease:
                stored[place.name] = Stored(b"", 0)
        if stored:
            await server.attempt(lambda: ledger.store(server.client, tenant, stored, budget))

    async def fetch(
        self, tenant: UUID, namespace: Namespace[T], lookup: Lookup[T], fetch: Fetch[T], *, budget: int
    ) -> dict[Any, T]:
        """What `lookup` did not find, fetched once for all who look for it at the same time, and stored."""
        assert lookup.missing is not None  # noqa: S101 - whoever has nowhere to store it fetches it themselves
        found: dict[Any, T] = {}
        names = {key: place.name for key, place in lookup.missing.items()}
        # what another left without having fetched it is fetched by one of those who waited
        while names:
            own, others = self._flights.divide(names)
            with own:
                if own.keys:
                    found.update(
                        await self._fetched(tenant, namespace, _only(lookup, own.keys), fetch, own, budget)
                    )
            told, failed, left = await others.wait()
            found.update(told)
            if failed:
                # whoever was to fetch it has failed: that is no reason to fail here
                found.update(await fetch(failed))
            names = {key: names[key] for key in left}
        return found

    async def get_lasting(self, tenant: UUID, namespace: Namespace[T], key: Part) -> T | None:
        """What no write changes, or None."""
        _require(tenant)
        server = self._server
        if server is None:
            return None
        name = self._seal.name(tenant, namespace.name, namespace.version, key) + _LASTING
        sealed = await server.attempt(lambda: server.client.get(name))
        value = self._seal.opened(name, sealed, namespace.type) if isinstance(sealed, bytes) else None
        self.counts["miss" if value is None else "hit"] += 1
        return value

    async def set_lasting(
        self, tenant: UUID, namespace: Namespace[T], key: Part, value: T, *, budget: int
    ) -> None:
        """Keep it through writes, until it expires; a value over 64 kB is left out."""
        _require(tenant)
        server, body = self._server, packed(value)
        if server is not None and len(body) <= _VALUE_BYTES:
            name = self._seal.name(tenant, namespace.name, namespace.version, key) + _LASTING
            stored = {name: Stored(self._seal.sealed(name, body), int(namespace.ttl * 1000))}
            await server.attempt(lambda: ledger.store(server.client, tenant, stored, budget))

    async def begin_write(self, tenant: UUID, scopes: Collection[str] = ()) -> None:
        """Call before a commit that changes cached rows, and `invalidate` after it, whatever came of it.

        Until then nothing is stored for longer than 2 s: little is left by a process killed between them.
        """
        _require(tenant)
        if self._writes is not None:
            await self._writes.begin(tenant, scopes)

    async def invalidate(self, tenant: UUID, scopes: Collection[str] = ()) -> None:
        """Forget what is cached of the tenant, or only of a few `scopes`, as `course:<id>` or `user:<id>`.

        It is forgotten in every process when this returns; where Valkey is down, as soon as it is back, and
        until then this process does not use it.
        """
        _require(tenant)
        if self._writes is not None:
            await self._writes.end(tenant, scopes)

    async def invalidate_uncertain(self, tenant: UUID, scopes: Collection[str] = ()) -> None:
        """`invalidate` after a commit that was interrupted: others may see it a moment later, or never.

        For the next 10 s nothing is stored for longer than 2 s, as while a writer is at work.
        """
        _require(tenant)
        if self._writes is not None:
            await self._writes.doubt(tenant, scopes)

    async def run_script(self, script: str, key: str, *arguments: float | str) -> bytes | None:
        """What a script of ours answers about one key, or None from a Valkey that is down or not there."""
        server = self._server
        if server is None:
            return None
        # it is no cached value that could be fetched elsewhere: worth waiting for while there is hope
        ask = server.attempt if server.is_lost else server.insist
        answer = await ask(lambda: server.client.eval(script, 1, key, *map(str, arguments)))
        return answer if isinstance(answer, bytes) else None

    async def stored_bytes(self, tenant: UUID) -> int:
        """What counts against the tenant's `budget`; 0 from a Valkey that is down or not there."""
        _require(tenant)
        server = self._server
        if server is None:
            return 0
        return await server.attempt(lambda: ledger.taken(server.client, tenant)) or 0

    async def ping(self) -> bool:
        """Whether Valkey answers; True when none is configured."""
        return self._server is None or await self._server.ping()

    async def close(self) -> None:
        for part in (self._writes, self._news, self._server):
            if part is not None:
                await part.close()

    async def _trusts(self) -> bool:
        news = self._news
        if news is None:
            return False
        if not news.is_trusted(clock.monotonic()):
            await news.ready(self._patience)
        return news.is_trusted(clock.monotonic())

    def _owes(self, tenant: UUID) -> bool:
        """Whether there are changes of which this process, or another that told so, could not tell."""
        return (self._writes is not None and self._writes.owes(tenant)) or self._doubts.holds(tenant)

    def _doubt(self, tenant: UUID) -> None:
        self._doubts.add(tenant)
        # what is kept is not found any more, and what is being looked for is not kept
        self._local.drop(tenant)

    async def _fetched(
        self, tenant: UUID, namespace: Namespace[T], lookup: Lookup[T], fetch: Fetch[T], own: Own, budget: int
    ) -> dict[Any, T]:
        """What is ours to fetch, told to those who wait for it in this process, and stored."""
        found = await self._elsewhere(tenant, namespace, lookup, own.keys)
        left = [key for key in own.keys if key not in found]
        if left:
            fetched = await fetch(left)
            found.update(fetched)
            own.tell(found)
            await self.set_many(tenant, namespace, _only(lookup, left), fetched, budget=budget)
        own.tell(found)
        return found

    async def _elsewhere(
        self, tenant: UUID, namespace: Namespace[T], lookup: Lookup[T], keys: Sequence[Any]
    ) -> dict[Any, T]:
        """What other processes are fetching, once it is there, and at the most for as long as their lease."""
        assert lookup.missing is not None  # noqa: S101 - as above
        waited = [key for key in keys if lookup.missing[key].is_fetched]
        found: dict[Any, T] = {}
        end = clock.monotonic() + namespace.lease
        while waited and clock.monotonic() < end:
            await asyncio.sleep(_POLL)
            again = await self.get_many(tenant, namespace, waited)
            found.update(again.found)
            places = again.missing or {}
            # what has moved on meanwhile, or is ours to fetch now, is not waited for
            waited = [
                key
                for key, place in places.items()
                if place.is_fetched and place.name == lookup.missing[key].name
            ]
        return found

    def _opened(self, place: Place, reading: Reading, namespace: Namespace[T]) -> T | None:
        if reading.sealed is None:
            return None
        return self._seal.opened(place.name, reading.sealed, namespace.type)


def _place(current: int, scope: str, name: str, reading: Reading) -> Place:
    whole = f"{name}:{current}:{reading.scope}"
    stamp = Stamp(current, scope, current if scope == TENANT else reading.scope)
    at_work = has_writers(stamp.tenant) or has_writers(stamp.number)
    return Place(whole, stamp, reading.is_fetched, at_work and reading.is_changing)


def _ttl(namespace: Namespace[Any], place: Place) -> float:
    """Spread out, so that what was stored together does not expire together."""
    ttl = min(_TTL_DURING_WRITE, namespace.ttl) if place.is_changing else namespace.ttl
    return ttl * random.uniform(1 - _TTL_JITTER, 1)  # noqa: S311 - no secret


def _here_until(seconds: float) -> float:
    """Monotonic. `seconds`: left for the value in Valkey, which it does not outlive here."""
    return clock.monotonic() + min(seconds, _LOCAL_TTL)


def _only(lookup: Lookup[T], keys: Sequence[Any]) -> Lookup[T]:
    places = lookup.missing or {}
    return Lookup({}, {key: places[key] for key in keys}, lookup.local)


def _require(tenant: object) -> None:
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
