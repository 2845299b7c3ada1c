import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    OLDEST_FIRST,
    Condition,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class BrandingStatus(enum.StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class BrandingOrder(enum.StrEnum):
    CREATED_AT = "created_at"


class Branding(msgspec.Struct, frozen=True):
    """A version of how pages look. Colours: `#rrggbb`, lower case. `…_hash`: of a `BrandingAsset`."""

    id: UUID
    status: str
    logo_hash: str | None
    favicon_hash: str | None
    primary_color: str | None
    secondary_color: str | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


# Versions by id.
FIND_BY_IDS = Statement(
    "branding.find_by_ids",
    """SELECT id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version
    FROM {schema}.branding WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

_MATCHES: Final = narrowed(Condition("text", "status = {}"))

# One page of versions, in each order.
PAGES = pages(
    "branding.page",
    f"""SELECT id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version
    FROM {{schema}}.branding
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $3""",  # noqa: S608 - constants
    {BrandingOrder.CREATED_AT: CREATED},
    position=4,
)

# How many versions there are.
COUNT = Statement(
    "branding.count",
    f"SELECT count(*) FROM {{schema}}.branding WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# The published version.
FIND_PUBLISHED = Statement(
    "branding.find_published",
    """SELECT id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version
    FROM {schema}.branding WHERE tenant_id = $1 AND status = 'published'""",
)

# The draft, the published version, and one more by its id, locked in the order of their ids.
LOCK = Statement(
    "branding.lock",
    """SELECT id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version
    FROM {schema}.branding
    WHERE tenant_id = $1 AND (status IN ('draft', 'published') OR id = $2::uuid)
    ORDER BY id FOR UPDATE""",
)

# A new draft, unless there is one.
INSERT_DRAFT = Statement(
    "branding.insert_draft",
    """INSERT INTO {schema}.branding
      (tenant_id, id, status, logo_hash, favicon_hash, primary_color, secondary_color)
    VALUES ($1, $2, 'draft', $3, $4, $5, $6)
    ON CONFLICT (tenant_id) WHERE status = 'draft' DO NOTHING
    RETURNING id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version""",
)

# Change the draft.
UPDATE_DRAFT = Statement(
    "branding.update_draft",
    """UPDATE {schema}.branding
    SET logo_hash = $3, favicon_hash = $4, primary_color = $5, secondary_color = $6, updated_at = now(),
      version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND status = 'draft'
    RETURNING id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version""",
)

# Give the draft up.
DELETE_DRAFT = Statement(
    "branding.delete_draft",
    """DELETE FROM {schema}.branding WHERE tenant_id = $1 AND id = $2::uuid AND status = 'draft'""",
)

# Retire the published version.
RETIRE = Statement(
    "branding.retire",
    """UPDATE {schema}.branding SET status = 'retired', updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND status = 'published'""",
)

# Publish a version; none may be published.
PUBLISH = Statement(
    "branding.publish",
    """UPDATE {schema}.branding
    SET status = 'published', published_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid
    RETURNING id, status, logo_hash, favicon_hash, primary_color, secondary_color, published_at, created_at,
      updated_at, version""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Branding]:
    return await session.fetch_rows(Branding, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    status: str | None = None,
) -> Sequence[Branding]:
    """`status`: a `BrandingStatus`, None for any."""
    return await session.fetch_rows(Branding, PAGES[order].of(after), status, first, *(after or ()))


async def count(session: ShardSession, *, status: str | None = None) -> int:
    found: int = await session.fetch_value(COUNT, status)
    return found


async def find_published(session: ShardSession) -> Branding | None:
    row = await session.fetch_row(FIND_PUBLISHED)
    return None if row is None else Branding(*row)


async def lock(session: ShardSession, id_: UUID | None = None) -> list[Branding]:
    """The draft, the published version and the one named, as far as they exist, until this unit ends."""
    return [Branding(*row) for row in await session.fetch(LOCK, id_)]


async def insert_draft(
    session: ShardSession,
    id_: UUID,
    *,
    logo_hash: str | None,
    favicon_hash: str | None,
    primary_color: str | None,
    secondary_color: str | None,
) -> Branding | None:
    """None when there is a draft already."""
    row = await session.fetch_row(INSERT_DRAFT, id_, logo_hash, favicon_hash, primary_color, secondary_color)
    return None if row is None else Branding(*row)


async def update_draft(session: ShardSession, changed: Branding) -> Branding:
    """`changed`: the draft, locked, with its new look."""
    row = await session.fetch_row(
        UPDATE_DRAFT,
        changed.id,
        changed.logo_hash,
        changed.favicon_hash,
        changed.primary_color,
        changed.secondary_color,
    )
    assert row is not None  # noqa: S101 - the caller holds the draft
    return Branding(*row)


async def delete_draft(session: ShardSession, id_: UUID) -> None:
    """The caller holds it."""
    await session.execute(DELETE_DRAFT, id_)


async def publish(session: ShardSession, id_: UUID) -> Branding:
    """In place of what is published now. The caller holds both."""
    await session.execute(RETIRE)
    row = await session.fetch_row(PUBLISH, id_)
    assert row is not None  # noqa: S101 - the caller holds it
    return Branding(*row)
