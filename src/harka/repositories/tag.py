import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import BY_NAME, CREATED, NAME, NAMED, Order, Position, narrowed, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class TagOrder(enum.StrEnum):
    NAME = "name"
    CREATED_AT = "created_at"


class Tag(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    version: int


_MATCHES: Final = narrowed(NAMED)

# Tags by id.
FIND_BY_IDS = Statement(
    "tag.find_by_ids",
    """SELECT id, name, created_at, updated_at, version FROM {schema}.tag
    WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# One page of tags, in each order.
PAGES = pages(
    "tag.page",
    f"""SELECT id, name, created_at, updated_at, version FROM {{schema}}.tag
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $3""",  # noqa: S608 - constants
    {TagOrder.NAME: NAME, TagOrder.CREATED_AT: CREATED},
    position=4,
)

# How many tags match.
COUNT = Statement(
    "tag.count",
    f"SELECT count(*) FROM {{schema}}.tag WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# A new tag.
INSERT = Statement(
    "tag.insert",
    """INSERT INTO {schema}.tag (tenant_id, id, name, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::text, $4::timestamptz, $5::timestamptz, $6::int)""",
)

# Give a tag another name, unless it is of another version.
UPDATE = Statement(
    "tag.update",
    """UPDATE {schema}.tag SET name = $4::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, name, created_at, updated_at, version""",
)

# Take a tag away; a version of NULL stands for any.
DELETE = Statement(
    "tag.delete",
    """DELETE FROM {schema}.tag
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)""",
)

# The tags of many courses, by name.
OF_COURSES = Statement(
    "tag.of_courses",
    """SELECT k.course_id, t.id, t.name, t.created_at, t.updated_at, t.version
    FROM {schema}.course_tag k JOIN {schema}.tag t ON t.tenant_id = $1 AND t.id = k.tag_id
    WHERE k.tenant_id = $1 AND k.course_id = ANY($2::uuid[]) ORDER BY t.name, t.id""",
)

# Let a course have these tags and no others.
SET_OF_COURSE = Statement(
    "tag.set_of_course",
    """WITH gone AS (
      DELETE FROM {schema}.course_tag
      WHERE tenant_id = $1 AND course_id = $2::uuid AND tag_id <> ALL($3::uuid[])
    )
    INSERT INTO {schema}.course_tag (tenant_id, course_id, tag_id)
    SELECT $1::uuid, $2::uuid, tag_id FROM unnest($3::uuid[]) AS tag_id ON CONFLICT DO NOTHING""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Tag]:
    """In no particular order; unknown ids are left out."""
    return await session.fetch_rows(Tag, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_NAME,
    name: str | None = None,
) -> Sequence[Tag]:
    """`name`: a part of it, in any case; None for any."""
    return await session.fetch_rows(Tag, PAGES[order].of(after), name, first, *(after or ()))


async def count(session: ShardSession, *, name: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, name))


async def insert(session: ShardSession, tag: Tag) -> None:
    """Raise `UniqueError` for a name that is taken, whatever its case."""
    await session.execute(INSERT, *msgspec.structs.astuple(tag))


async def update(session: ShardSession, id_: UUID, version: int, name: str) -> Tag | None:
    """None: absent, or of another version. Raise `UniqueError` for a name that is taken."""
    row = await session.fetch_row(UPDATE, id_, version, name)
    return None if row is None else Tag(*row)


async def delete(session: ShardSession, id_: UUID, version: int | None) -> bool:
    """False: absent, or of another version."""
    return bool(await session.execute(DELETE, id_, version))


async def of_courses(session: ShardSession, course_ids: Sequence[UUID]) -> dict[UUID, list[Tag]]:
    """By name; courses without any are left out."""
    found: dict[UUID, list[Tag]] = {}
    for row in await session.fetch(OF_COURSES, course_ids):
        found.setdefault(row["course_id"], []).append(Tag(*row[1:]))
    return found


async def set_of_course(session: ShardSession, course_id: UUID, ids: Sequence[UUID]) -> None:
    """`ids` differ. Raise `ForeignKeyError` for an unknown one."""
    await session.execute(SET_OF_COURSE, course_id, ids)
