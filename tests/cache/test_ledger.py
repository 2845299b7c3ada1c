import asyncio
from uuid import UUID, uuid4

from harka.cache import ledger
from harka.cache.ledger import OVERHEAD, Stored
from harka.valkey import Client, command

BODY = bytes(1000)
MINUTE = 60_000


def named(tenant: UUID, *numbers: int) -> list[str]:
    return [f"harka:{{{tenant.hex}}}:value:{number:04}" for number in numbers]


def size(tenant: UUID) -> int:
    return len(named(tenant, 0)[0]) + len(BODY) + OVERHEAD


async def store(client: Client, names: list[str], tenant: UUID, budget: int) -> int:
    return await ledger.store(client, tenant, dict.fromkeys(names, Stored(BODY, MINUTE)), budget)


async def counted(client: Client, tenant: UUID) -> int:
    return int(await client.hget(ledger.name(tenant), "") or 0)


async def present(client: Client, tenant: UUID, most: int) -> list[str]:
    return [name for name in named(tenant, *range(most)) if await client.exists(name)]


async def test_what_is_stored_is_counted_once(client: Client) -> None:
    tenant = uuid4()
    for _ in range(3):
        assert await store(client, named(tenant, 1, 2), tenant, 10**6) == 2
    assert await counted(client, tenant) == 2 * size(tenant)


async def test_the_budget_is_never_exceeded_however_many_store_at_once(client: Client) -> None:
    tenant = uuid4()
    budget = 10 * size(tenant)
    await asyncio.gather(*(store(client, named(tenant, n, n + 50), tenant, budget) for n in range(50)))
    left = await present(client, tenant, 100)
    assert len(left) == 10
    assert await counted(client, tenant) == budget


async def test_those_not_used_for_long_go_first(client: Client) -> None:
    tenant = uuid4()
    budget = 10 * size(tenant)
    names = named(tenant, *range(10))
    await store(client, names, tenant, budget)
    for name in names[5:]:
        body = await client.dump(name)
        await command(client, "RESTORE", name, MINUTE, body, "REPLACE", "IDLETIME", 100)
    await store(client, named(tenant, *range(10, 15)), tenant, budget)
    assert await present(client, tenant, 15) == names[:5] + named(tenant, *range(10, 15))


async def test_what_has_expired_makes_room_before_anything_else(client: Client) -> None:
    tenant = uuid4()
    budget = 10 * size(tenant)
    names = named(tenant, *range(10))
    await store(client, names, tenant, budget)
    await client.delete(*names[:5])
    await store(client, named(tenant, *range(10, 15)), tenant, budget)
    assert await present(client, tenant, 15) == names[5:] + named(tenant, *range(10, 15))


async def test_another_tenants_values_are_not_touched(client: Client) -> None:
    tenant, other = uuid4(), uuid4()
    await store(client, named(other, *range(10)), other, 10**6)
    await store(client, named(tenant, *range(30)), tenant, 5 * size(tenant))
    assert len(await present(client, other, 10)) == 10


async def test_what_is_larger_than_the_budget_is_not_stored_and_displaces_nothing(client: Client) -> None:
    tenant = uuid4()
    await store(client, named(tenant, 1), tenant, 2000)
    large = {named(tenant, 2)[0]: Stored(bytes(3000), MINUTE)}
    assert await ledger.store(client, tenant, large, 2000) == 0
    assert await present(client, tenant, 3) == named(tenant, 1)


async def test_a_smaller_budget_is_kept_from_the_next_value_on(client: Client) -> None:
    tenant = uuid4()
    await store(client, named(tenant, *range(20)), tenant, 10**6)
    await store(client, named(tenant, 20), tenant, 3 * size(tenant))
    assert await counted(client, tenant) <= 3 * size(tenant)
    assert len(await present(client, tenant, 21)) <= 3


async def test_of_what_was_not_found_only_the_lease_is_given_back(client: Client) -> None:
    tenant = uuid4()
    (name,) = named(tenant, 1)
    await client.set(f"{name}:lease", b"1")
    await ledger.store(client, tenant, {name: Stored(b"", 0)}, 10**6)
    assert not await client.exists(name, f"{name}:lease")
