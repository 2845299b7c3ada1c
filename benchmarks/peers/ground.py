"""The data that all peers are asked for: one tenant of some size, among others in the same tables."""

from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from population import Population, fill, found, make_key, settle
from stage import Stage

from harka.ids import NodeIds
from harka.opening import open_runtime
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.location import admin_url
from harka.tenancy.permission import Permission
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan

SIZE: Final = Population(users=1_000, courses=60, enrollments=3_000, progress=1_500)
NEIGHBOURS: Final = 3
"""Tenants of the same size in the same tables, for row-level security to hide."""
_ASKED_USERS: Final = 100
_ATTEMPTS: Final = 300
_SCOPES: Final = tuple(permission for permission in Permission if permission.endswith(":read"))
_FLOOR: Final = Path(__file__).resolve().parent / "servers" / "floor.sql"


class Ground(msgspec.Struct, frozen=True):
    """`users`: of the tenant, spread over all of them."""

    tenant: UUID
    schema: str
    key: str
    users: list[UUID]
    node_ids: NodeIds


async def lay(stage: Stage) -> Ground:
    async with open_runtime(stage.settings) as runtime:
        main = await _found(runtime, 0)
        filled = await fill(runtime, main, SIZE)
        for neighbour in await _neighbours(runtime, main):
            await fill(runtime, neighbour, SIZE)
        key = await make_key(runtime, main, _SCOPES)
        node_ids = runtime.node_ids
    await _make_floor(stage, main)
    await settle(stage.admin_url)
    step = len(filled.users) // _ASKED_USERS
    return Ground(main.id, main.schema, key, filled.users[::step], node_ids)


async def _found(runtime: Runtime, number: int) -> Organization:
    return await found(runtime, f"peers-{number}", plan=Plan.ENTERPRISE, users=SIZE.users, mode=Mode.POOL)


async def _neighbours(runtime: Runtime, main: Organization) -> list[Organization]:
    """A tenant's first home is chosen by a hash of its id: make tenants until enough share the schema."""
    chosen: list[Organization] = []
    for number in range(1, _ATTEMPTS):
        made = await _found(runtime, number)
        if made.schema == main.schema:
            chosen.append(made)
        if len(chosen) == NEIGHBOURS:
            return chosen
    raise AssertionError(f"{_ATTEMPTS} tenants, and {len(chosen)} of them in {main.schema}")


async def _make_floor(stage: Stage, main: Organization) -> None:
    connection = await asyncpg.connect(admin_url(stage.settings, main.database))
    try:
        await connection.execute(_FLOOR.read_text().replace("{schema}", main.schema))
    finally:
        await connection.close()
