import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    NAME,
    NAMED,
    OLDEST_FIRST,
    Condition,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class CustomRoleOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class CustomRole(msgspec.Struct, frozen=True):
    """A role of the organization's own. `permissions`: by name, in alphabetical order."""

    id: UUID
    name: str
    permissions: list[str]
    created_at: datetime
    updated_at: datetime
    version: int


# Roles by id.
FIND_BY_IDS = Statement(
    "role.find_by_ids",
    """SELECT id, name, permissions, created_at, updated_at, version
    FROM {schema}.custom_role WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

_MATCHES: Final = narrowed(NAMED, Condition("text", "{} = ANY(permissions)"))

# One page of roles, in each order.
PAGES = pages(
    "role.page",
    f"""SELECT id, name, permissions, created_at, updated_at, version
    FROM {{schema}}.custom_role
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {CustomRoleOrder.CREATED_AT: CREATED, CustomRoleOrder.NAME: NAME},
    position=5,
)

# How many roles match.
COUNT = Statement(
    "role.count",
    f"SELECT count(*) FROM {{schema}}.custom_role WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# Roles that are about to be given: until then nobody adds to them, or takes them away.
HOLD_MANY = Statement(
    "role.hold_many",
    """SELECT id, name, permissions, created_at, updated_at, version
    FROM {schema}.custom_role WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR SHARE""",
)

# Hold a role against every other writer.
LOCK = Statement(
    "role.lock",
    """SELECT id, name, permissions, created_at, updated_at, version
    FROM {schema}.custom_role WHERE tenant_id = $1 AND id = $2::uuid FOR UPDATE""",
)

# A new role.
INSERT = Statement(
    "role.insert",
    """INSERT INTO {schema}.custom_role (tenant_id, id, name, permissions, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::text, $4::text[], $5::timestamptz, $6::timestamptz, $7::int)""",
)

# Write all that can change of a role that is held.
UPDATE = Statement(
    "role.update",
    """UPDATE {schema}.custom_role
    SET name = $3::text, permissions = $4::text[], updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, name, permissions, created_at, updated_at, version""",
)

# Take a role away.
DELETE = Statement("role.delete", "DELETE FROM {schema}.custom_role WHERE tenant_id = $1 AND id = $2::uuid")


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> list[CustomRole]:
    """In no particular order; unknown ids are left out."""
    return [CustomRole(*row) for row in await session.fetch(FIND_BY_IDS, ids)]


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    permission: str | None = None,
) -> list[CustomRole]:
    """`name`: a part of it, in any case. `permission`: that it has. None for any, here and below."""
    asked = (name, permission, first, *(after or ()))
    return [CustomRole(*row) for row in await session.fetch(PAGES[order].of(after), *asked)]


async def count(session: ShardSession, *, name: str | None = None, permission: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, name, permission))


async def hold_many(session: ShardSession, ids: Sequence[UUID]) -> list[CustomRole]:
    """Like `find_by_ids`; they stay as they are until this transaction ends."""
    return [CustomRole(*row) for row in await session.fetch(HOLD_MANY, ids)]


async def lock(session: ShardSession, id_: UUID) -> CustomRole | None:
    """Hold a role until this transaction ends."""
    row = await session.fetch_row(LOCK, id_)
    return None if row is None else CustomRole(*row)


async def insert(session: ShardSession, role: CustomRole) -> None:
    """Raise `UniqueError` (custom_role_name_unique) for a name that is taken, whatever its case."""
    await session.execute(INSERT, *msgspec.structs.astuple(role))


async def update(session: ShardSession, role: CustomRole) -> CustomRole:
    """Write `role`, which is held; answers the next version. Raise `UniqueError` for a taken name."""
    row = await session.fetch_row(UPDATE, role.id, role.name, role.permissions)
    assert row is not None  # noqa: S101 - it is held
    return CustomRole(*row)


async def delete(session: ShardSession, id_: UUID) -> None:
    """Raise `ForeignKeyError` while somebody holds it."""
    await session.execute(DELETE, id_)
