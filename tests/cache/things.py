"""What is kept in the caches of these tests, and how it comes there."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from harka.cache.generation import ANY
from harka.cache.tenant import Namespace, TenantCache
from own_valkey import OwnValkey

KEY = bytes(range(16))
BUDGET = 2**20


class Thing(msgspec.Struct, frozen=True):
    id: UUID
    title: str
    at: datetime


THINGS = Namespace("thing", Thing)
OF_ANY_CHANGE = Namespace("answer", Thing, scope=ANY)


def opened_cache(valkey: OwnValkey) -> TenantCache:
    """With more patience than in earnest: a busy machine must not look like a slow Valkey."""
    return TenantCache(valkey.url, KEY, patience=1.0)


def thing(title: str = "Algebra") -> Thing:
    return Thing(uuid4(), title, datetime(2026, 1, 1, tzinfo=UTC))


async def store(cache: TenantCache, tenant: UUID, *things: Thing) -> None:
    lookup = await cache.get_many(tenant, THINGS, [each.id for each in things])
    await cache.set_many(tenant, THINGS, lookup, {each.id: each for each in things}, budget=BUDGET)


async def found(cache: TenantCache, tenant: UUID, *things: Thing) -> dict[UUID, Thing]:
    return dict((await cache.get_many(tenant, THINGS, [each.id for each in things])).found)
