"""Several processes read and write at random: nobody is given what is older than an answer given before."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec
import pytest

from harka.cache.generation import ANY
from harka.cache.tenant import Namespace, TenantCache
from harka.valkey import Client, command
from own_valkey import OwnValkey

ROUNDS = 80
KEYS = ("a", "b", "c")


class Row(msgspec.Struct, frozen=True):
    key: str
    version: int


NAMESPACES = [
    Namespace("scoped", Row, scope="course"),
    Namespace("any", Row, scope=ANY),
    Namespace("leased", Row, scope="course", lease=0.1),
]


class Database:
    """Rows by key, and of each the newest version whose writer has its answer."""

    def __init__(self) -> None:
        self.versions = dict.fromkeys(KEYS, 0)
        self.answered = dict.fromkeys(KEYS, 0)

    async def fetch(self, keys: Sequence[str]) -> dict[str, Row]:
        """One snapshot, that takes its time to arrive."""
        await _moment()
        rows = {key: Row(key, self.versions[key]) for key in keys}
        await _moment()
        return rows


async def _moment() -> None:
    await asyncio.sleep(random.choice((0, 0, 0.0005, 0.003)))  # noqa: S311 - no secret


async def read(cache: TenantCache, tenant: UUID, database: Database) -> None:
    namespace: Namespace[Row] = random.choice(NAMESPACES)  # noqa: S311 - no secret
    keys = random.sample(KEYS, k=random.randint(1, 3))  # noqa: S311 - no secret
    least = {key: database.answered[key] for key in keys}
    lookup = await cache.get_many(tenant, namespace, keys)
    if lookup.missing is None:
        fetched = await database.fetch([key for key in keys if key not in lookup.found])
    else:
        fetched = await cache.fetch(tenant, namespace, lookup, database.fetch, budget=2**20)
    rows = {**lookup.found, **fetched}
    stale = {key: (rows[key].version, least[key]) for key in keys if rows[key].version < least[key]}
    assert not stale, (namespace.name, stale)


async def write(cache: TenantCache, tenant: UUID, database: Database) -> None:
    key = random.choice(KEYS)  # noqa: S311 - no secret
    scopes = random.choice([[], [f"course:{key}"]])  # noqa: S311 - no secret
    await cache.begin_write(tenant, scopes)
    await _moment()
    database.versions[key] += 1
    committed = database.versions[key]
    await _moment()
    await cache.invalidate(tenant, scopes)
    database.answered[key] = max(database.answered[key], committed)


async def at_random(cache: TenantCache, tenant: UUID, database: Database) -> None:
    """One write, or one of more reads."""
    await (write if random.random() < 0.15 else read)(cache, tenant, database)  # noqa: S311 - no secret


@pytest.mark.parametrize("seed", range(3))
async def test_no_answer_is_older_than_one_given_before(
    shared_valkey: OwnValkey, client: Client, seed: int
) -> None:
    random.seed(seed)
    caches, tenant, database = (
        [TenantCache(shared_valkey.url, bytes(16), patience=1.0) for _ in range(4)],
        uuid4(),
        Database(),
    )

    async def work(cache: TenantCache) -> None:
        for _ in range(ROUNDS):
            await at_random(cache, tenant, database)

    async def disturb() -> None:
        for _ in range(3 * (seed == 0)):
            await asyncio.sleep(0.05)
            await command(client, "CLIENT", "KILL", "TYPE", "pubsub")

    await asyncio.gather(*(work(cache) for cache in caches for _ in range(2)), disturb())
    # whose connections were cut does without for a while
    assert seed == 0 or sum(cache.counts["local"] for cache in caches) > 0
    for cache in caches:
        await cache.close()
