from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import Key, Order, Position, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Category(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    version: int


BY_NAME: Final = Order("name")

# Categories by id.
FIND_BY_IDS = Statement(
    "category.find_by_ids",
    """SELECT id, name, created_at, updated_at, version FROM {schema}.category
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# One page of categories.
PAGES = pages(
    "category.page",
    """SELECT id, name, created_at, updated_at, version FROM {schema}.category
    WHERE tenant_id = $1 {after} ORDER BY {order} LIMIT $2""",
    {"name": Key("name", "text")},
    position=3,
)

# How many categories there are.
COUNT = Statement("category.count", "SELECT count(*) FROM {schema}.category WHERE tenant_id = $1")

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


async def list_page(session: ShardSession, *, after: Position | None, first: int) -> Sequence[Category]:
    """By name."""
    return await session.fetch_rows(
        Category, PAGES[BY_NAME].of(after), first, *(() if after is None else after)
    )


async def count(session: ShardSession) -> int:
    return int(await session.fetch_value(COUNT))


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
