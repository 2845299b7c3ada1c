"""The room for files: as much as the plan has, and in shadow mode as much as is asked for."""

import asyncio

import pytest

from academy import Academy
from harka.errors import PlanLimitError
from harka.learning import storage
from harka.tenancy.plan import Resource


async def take(academy: Academy, size: int) -> None:
    async with academy.work() as work:
        await storage.take(work, size, field="size")


async def taken(academy: Academy) -> int:
    return sum(row["bytes"] for row in await academy.rows("file_ledger"))


async def test_without_room_the_limit_is_told_with_what_is_used(academy: Academy) -> None:
    academy.grant(storage_bytes=10)
    await take(academy, 7)
    assert academy.statements == 2
    with pytest.raises(PlanLimitError) as refused:
        await take(academy, 4)
    assert refused.value.extensions() == {
        "code": "PLAN_LIMIT_REACHED",
        "field": "size",
        "resource": "STORAGE",
        "limit": 10,
        "used": 7,
    }
    assert (await taken(academy), academy.refused) == (7, {(Resource.STORAGE, False): 1})


async def test_in_shadow_mode_what_there_is_no_room_for_is_taken_and_counted(academy: Academy) -> None:
    academy.grant(shadow=True, storage_bytes=10)
    await take(academy, 7)
    assert (academy.statements, academy.refused) == (2, {})
    await asyncio.gather(*(take(academy, 4) for _ in range(5)))
    assert (await taken(academy), academy.refused) == (27, {(Resource.STORAGE, True): 5})
