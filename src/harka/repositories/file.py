import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import CREATED, OLDEST_FIRST, Key, Order, Position, pages
from harka.repositories.scope import Scope, managed
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class FileOrder(enum.StrEnum):
    """By which attribute."""

    CREATED_AT = "created_at"
    NAME = "name"
    SIZE = "size"


class FileFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None leaves out nothing. `media_type`: what it begins with. `of_programs`: of nobody's."""

    status: str | None = None
    media_type: str | None = None
    user_id: UUID | None = None
    of_programs: bool = False


class File(msgspec.Struct, frozen=True):
    """`user_id`: who uploaded it, None for a program. `size`: bytes.

    `expires_at`: after it, what is still pending is abandoned.
    """

    id: UUID
    user_id: UUID | None
    name: str
    size: int
    media_type: str
    status: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    version: int


class FilePlace(msgspec.Struct, frozen=True):
    """Where a file is shown: in a lesson."""

    file_id: UUID
    lesson_id: UUID


# Files by id, for rules that know who may see them.
FIND_BY_IDS = Statement(
    "file.find_by_ids",
    """SELECT id, user_id, name, size, media_type, status, expires_at, created_at, updated_at, version
    FROM {schema}.file WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# As a CASE, see `repositories.user`.
_MATCHES: Final = """CASE WHEN $2::text IS NULL AND $3::text IS NULL AND $4::uuid IS NULL AND NOT $5::boolean
        THEN true
      ELSE ($2 IS NULL OR status = $2) AND ($3 IS NULL OR starts_with(media_type, $3))
        AND ($4 IS NULL OR user_id = $4) AND (NOT $5 OR user_id IS NULL) END"""
_KEYS: Final[Mapping[str, Key]] = {
    FileOrder.CREATED_AT: CREATED,
    FileOrder.NAME: Key("name", "text"),
    FileOrder.SIZE: Key("size", "int"),
}

# One page of the files that match, in each order.
PAGES = pages(
    "file.page",
    f"""SELECT id, user_id, name, size, media_type, status, expires_at, created_at, updated_at, version
    FROM {{schema}}.file
    WHERE tenant_id = $1 AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $6""",  # noqa: S608 - constants
    _KEYS,
    position=7,
)

# One page of a person's files that match, in each order: few, and sorted where there is no index of theirs.
PAGES_OF_USER = pages(
    "file.page_of_user",
    f"""SELECT id, user_id, name, size, media_type, status, expires_at, created_at, updated_at, version
    FROM {{schema}}.file
    WHERE tenant_id = $1 AND user_id = $4::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $6""",  # noqa: S608 - constants
    {
        FileOrder.CREATED_AT: CREATED,
        FileOrder.NAME: Key("(name || '')", "text"),
        FileOrder.SIZE: Key("(size + 0)", "int"),
    },
    position=7,
)

# How many files match.
COUNT = Statement(
    "file.count",
    f"SELECT count(*) FROM {{schema}}.file WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# The lessons that show any of these files.
PLACES = Statement(
    "file.places",
    """SELECT DISTINCT file_id, lesson_id FROM {schema}.content_item
    WHERE tenant_id = $1 AND file_id = ANY($2::uuid[])""",
)

# Those of these files that were handed in by somebody whose enrollments the reader may see.
HANDED_IN = Statement(
    "file.handed_in",
    f"""SELECT DISTINCT h.file_id AS id FROM {{schema}}.submission_file h
    JOIN {{schema}}.submission s ON s.tenant_id = $1 AND s.id = h.submission_id
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = s.enrollment_id
    WHERE h.tenant_id = $1 AND h.file_id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})""",  # noqa: S608 - constants
)

# How many uploads of a person are open.
COUNT_PENDING = Statement(
    "file.count_pending",
    """SELECT count(*) FROM {schema}.file
    WHERE tenant_id = $1 AND user_id = $2::uuid AND status = 'pending'""",
)

# Take so many bytes of the room there is, unless they are too many; who comes meanwhile waits.
RESERVE = Statement(
    "file.reserve",
    """INSERT INTO {schema}.file_ledger AS kept (tenant_id, bytes)
    SELECT $1::uuid, $2::bigint WHERE $2::bigint <= $3::bigint
    ON CONFLICT (tenant_id) DO UPDATE SET bytes = kept.bytes + excluded.bytes
      WHERE kept.bytes + excluded.bytes <= $3::bigint""",
)

# How many bytes are taken.
RESERVED = Statement(
    "file.reserved",
    "SELECT coalesce((SELECT bytes FROM {schema}.file_ledger WHERE tenant_id = $1), 0) AS reserved",
)

# A file that is to be uploaded.
INSERT = Statement(
    "file.insert",
    """INSERT INTO {schema}.file
      (tenant_id, id, user_id, name, size, media_type, status, expires_at, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::int, $6::text, $7::text, $8::timestamptz,
      $9::timestamptz, $10::timestamptz, $11::int)""",
)

# A file, held against change until the transaction ends.
LOCK = Statement(
    "file.lock",
    """SELECT id, user_id, name, size, media_type, status, expires_at, created_at, updated_at, version
    FROM {schema}.file WHERE tenant_id = $1 AND id = $2::uuid FOR UPDATE""",
)

# What was uploaded is there, and is what it was said to be.
COMPLETE = Statement(
    "file.complete",
    """UPDATE {schema}.file SET status = 'ready', updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, user_id, name, size, media_type, status, expires_at, created_at, updated_at, version""",
)

# Take away a file that nothing refers to, and give its room back.
DELETE = Statement(
    "file.delete",
    """WITH gone AS (
      DELETE FROM {schema}.file f
      WHERE f.tenant_id = $1 AND f.id = $2::uuid AND f.version = $3::int
        AND NOT EXISTS (
          SELECT FROM {schema}.content_item i WHERE i.tenant_id = $1 AND i.file_id = f.id)
        AND NOT EXISTS (
          SELECT FROM {schema}.submission_file h WHERE h.tenant_id = $1 AND h.file_id = f.id)
      RETURNING f.size
    ), freed AS (
      UPDATE {schema}.file_ledger l SET bytes = l.bytes - gone.size FROM gone WHERE l.tenant_id = $1
    )
    SELECT count(*) FROM gone""",
)

# Take away the uploads whose time is over, so many of them, and give their room back.
DELETE_ABANDONED = Statement(
    "file.delete_abandoned",
    """WITH due AS (
      SELECT p.id FROM {schema}.file p
      WHERE p.tenant_id = $1 AND p.status = 'pending' AND p.expires_at < now()
      ORDER BY p.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM {schema}.file f
      WHERE f.tenant_id = $1 AND f.status = 'pending' AND f.id = ANY(ARRAY(SELECT id FROM due))
      RETURNING f.id, f.size
    ), freed AS (
      UPDATE {schema}.file_ledger l SET bytes = l.bytes - (SELECT sum(size) FROM gone)
      WHERE l.tenant_id = $1 AND EXISTS (SELECT FROM gone)
    )
    SELECT id FROM gone""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[File]:
    """Whoever may see them; in no particular order, unknown ids are left out."""
    return await session.fetch_rows(File, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    only: FileFilter,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[File]:
    statement = (PAGES if only.user_id is None else PAGES_OF_USER)[order].of(after)
    position = () if after is None else after
    return await session.fetch_rows(File, statement, *msgspec.structs.astuple(only), first, *position)


async def count(session: ShardSession, only: FileFilter) -> int:
    return int(await session.fetch_value(COUNT, *msgspec.structs.astuple(only)))


async def places(session: ShardSession, ids: Sequence[UUID]) -> Sequence[FilePlace]:
    """Files that nothing shows are left out."""
    return await session.fetch_rows(FilePlace, PLACES, ids)


async def handed_in(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> set[UUID]:
    rows = await session.fetch(HANDED_IN, scope.everything, scope.user, ids, scope.manager)
    return {row["id"] for row in rows}


async def count_pending(session: ShardSession, user_id: UUID) -> int:
    return int(await session.fetch_value(COUNT_PENDING, user_id))


async def reserve(session: ShardSession, size: int, *, limit: int) -> bool:
    """Whether there was room for `size` bytes within `limit`; then they are taken."""
    return bool(await session.execute(RESERVE, size, limit))


async def reserved(session: ShardSession) -> int:
    """How many bytes files take, those that are to come too."""
    return int(await session.fetch_value(RESERVED))


async def insert(session: ShardSession, file: File) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(file))


async def lock(session: ShardSession, id_: UUID) -> File | None:
    row = await session.fetch_row(LOCK, id_)
    return None if row is None else File(*row)


async def complete(session: ShardSession, id_: UUID) -> File:
    """The file must be held."""
    row = await session.fetch_row(COMPLETE, id_)
    assert row is not None  # noqa: S101 - it is held
    return File(*row)


async def delete(session: ShardSession, id_: UUID, version: int) -> bool:
    """Whether it was there, of this version, and nothing refers to it."""
    return bool(await session.fetch_value(DELETE, id_, version))


async def delete_abandoned(session: ShardSession, *, most: int) -> Sequence[UUID]:
    """The ids of those that are gone, at most so many."""
    return [row["id"] for row in await session.fetch(DELETE_ABANDONED, most)]
