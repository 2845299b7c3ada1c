import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import BY_NAME, CREATED, NAME, NAMED, Order, Position, narrowed, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class CategoryOrder(enum.StrEnum):
    NAME = "name"
    CREATED_AT = "created_at"


class Category(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    version: int


_MATCHES: Final = narrowed(NAMED)

# Categories by id.
FIND_BY_IDS = Statement(
    "category.find_by_ids",
    """SELECT id, name, created_at, updated_at, version FROM {schema}.category
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# One page of categories, in each order.
PAGES = pages(
    "category.page",
    f"""SELECT id, name, created_at, updated_at, version FROM {{schema}}.category
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $3""",  # noqa: S608 - constants
    {CategoryOrder.NAME: NAME, CategoryOrder.CREATED_AT: CREATED},
    position=4,
)

# How many categories match.
COUNT = Statement(
    "category.count",
    f"SELECT count(*) FROM {{schema}}.category WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# A new category.
INSERT = Statement(
    "category.insert",
    """INSERT INTO {schema}.category (tenant_id, id, name, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::text, $4::timestamptz, $5::timestamptz, $6::int)""",
)

# Give a category another name, unless it is of another version.
UPDATE = Statement(
    "category.update",
    """UPDATE {schema}.category SET name = $4::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, name, created_at, updated_at, version""",
)

# Take a category away; a version of NULL stands for any. Courses that had it have none.
DELETE = Statement(
    "category.delete",
    """DELETE FROM {schema}.category
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Category]:
    """In no particular order; unknown ids are left out."""
    return await session.fetch_rows(Category, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_NAME,
    name: str | None = None,
) -> Sequence[Category]:
    """`name`: a part of it, in any case; None for any."""
    return await session.fetch_rows(Category, PAGES[order].of(after), name, first, *(after or ()))


async def count(session: ShardSession, *, name: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, name))


async def insert(session: ShardSession, category: Category) -> None:
    """Raise `UniqueError` for a name that is taken, whatever its case."""
    await session.execute(INSERT, *msgspec.structs.astuple(category))


async def update(session: ShardSession, id_: UUID, version: int, name: str) -> Category | None:
    """None: absent, or of another version. Raise `UniqueError` for a name that is taken."""
    row = await session.fetch_row(UPDATE, id_, version, name)
    return None if row is None else Category(*row)


async def delete(session: ShardSession, id_: UUID, version: int | None) -> bool:
    """False: absent, or of another version."""
    return bool(await session.execute(DELETE, id_, version))
