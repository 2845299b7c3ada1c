from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class ContentItem(msgspec.Struct, frozen=True):
    """Something that a lesson shows. `url`: of a video or link. `text`: of others than texts a description.

    `file_id`: of a file. `quiz_id`: of a quiz.
    """

    id: UUID
    lesson_id: UUID
    position: int
    kind: str
    title: str
    text: str
    url: str | None
    file_id: UUID | None
    duration_seconds: int | None
    quiz_id: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


# Items by id, for rules that know which lessons may be read.
FIND_BY_IDS = Statement(
    "content.find_by_ids",
    """SELECT id, lesson_id, position, kind, title, text, url, file_id, duration_seconds, quiz_id,
      created_at, updated_at, version
    FROM {schema}.content_item WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# The items of lessons that may be read, in order.
FIND_BY_LESSONS = Statement(
    "content.find_by_lessons",
    """SELECT id, lesson_id, position, kind, title, text, url, file_id, duration_seconds, quiz_id,
      created_at, updated_at, version
    FROM {schema}.content_item WHERE tenant_id = $1 AND lesson_id = ANY($2::uuid[])
    ORDER BY lesson_id, position, id""",
)

# How many items a lesson has.
COUNT = Statement(
    "content.count",
    "SELECT count(*) FROM {schema}.content_item WHERE tenant_id = $1 AND lesson_id = $2::uuid",
)

# New items, in one statement however many.
INSERT_MANY = Statement(
    "content.insert_many",
    """INSERT INTO {schema}.content_item
      (tenant_id, id, lesson_id, position, kind, title, text, url, file_id, duration_seconds, quiz_id,
       created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[],
      $8::text[], $9::uuid[], $10::int[], $11::uuid[], $12::timestamptz[], $13::timestamptz[],
      $14::int[])""",
)

# Write what an item shows, unless someone else changed it.
UPDATE = Statement(
    "content.update",
    """UPDATE {schema}.content_item
    SET title = $4::text, text = $5::text, url = $6::text, file_id = $7::uuid, duration_seconds = $8::int,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, lesson_id, position, kind, title, text, url, file_id, duration_seconds, quiz_id,
      created_at, updated_at, version""",
)

# Put all items of a lesson into the given order; answers whether exactly those were given.
REORDER = Statement(
    "content.reorder",
    """WITH wanted AS (
      SELECT id, place - 1 AS position FROM unnest($3::uuid[]) WITH ORDINALITY AS given (id, place)
    ), matched AS (
      SELECT (SELECT count(*) FROM wanted) = count(i.id) AND count(w.id) = count(i.id) AS exact
      FROM {schema}.content_item i LEFT JOIN wanted w ON w.id = i.id
      WHERE i.tenant_id = $1 AND i.lesson_id = $2::uuid
    ), moved AS (
      UPDATE {schema}.content_item i
      SET position = w.position, updated_at = now(), version = version + 1
      FROM wanted w, matched
      WHERE i.tenant_id = $1 AND i.lesson_id = $2::uuid AND i.id = w.id AND i.position <> w.position
        AND matched.exact
    )
    SELECT exact FROM matched""",
)

# Take an item away, unless someone else changed it; those behind it move up.
DELETE = Statement(
    "content.delete",
    """WITH gone AS (
      DELETE FROM {schema}.content_item i
      WHERE i.tenant_id = $1 AND i.id = $2::uuid AND i.version = $3::int
      RETURNING i.lesson_id, i.position
    ), moved AS (
      UPDATE {schema}.content_item i SET position = i.position - 1, updated_at = now(), version = version + 1
      FROM gone WHERE i.tenant_id = $1 AND i.lesson_id = gone.lesson_id AND i.position > gone.position
    )
    SELECT count(*) FROM gone""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[ContentItem]:
    """Whoever may read them; in no particular order, unknown ids are left out."""
    return await session.fetch_rows(ContentItem, FIND_BY_IDS, ids)


async def find_by_lessons(session: ShardSession, lesson_ids: Sequence[UUID]) -> Sequence[ContentItem]:
    """Grouped by lesson, in order."""
    return await session.fetch_rows(ContentItem, FIND_BY_LESSONS, lesson_ids)


async def count(session: ShardSession, lesson_id: UUID) -> int:
    return int(await session.fetch_value(COUNT, lesson_id))


async def insert_many(session: ShardSession, items: Sequence[ContentItem]) -> None:
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, items), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def update(session: ShardSession, item: ContentItem) -> ContentItem | None:
    """What `item` shows, if it is still of this version. None: absent, or of another version."""
    row = await session.fetch_row(
        UPDATE,
        item.id,
        item.version,
        item.title,
        item.text,
        item.url,
        item.file_id,
        item.duration_seconds,
    )
    return None if row is None else ContentItem(*row)


async def reorder(session: ShardSession, lesson_id: UUID, ids: Sequence[UUID]) -> bool:
    """Whether `ids`, which differ, are all items of the lesson; otherwise nothing is done."""
    return bool(await session.fetch_value(REORDER, lesson_id, ids))


async def delete(session: ShardSession, id_: UUID, version: int) -> bool:
    """Whether it was there, of this version."""
    return bool(await session.fetch_value(DELETE, id_, version))
