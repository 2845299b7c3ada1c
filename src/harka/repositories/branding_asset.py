import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class BrandingAsset(msgspec.Struct, frozen=True):
    """`hash`: SHA-256 of the content, 64 hexadecimal digits."""

    hash: str
    media_type: str
    content: bytes


# An asset by the hash of its content.
FIND = Statement(
    "branding_asset.find",
    """SELECT hash, media_type, content FROM {schema}.branding_asset WHERE tenant_id = $1 AND hash = $2""",
)

# Keep an asset; the same content is kept once.
INSERT = Statement(
    "branding_asset.insert",
    """INSERT INTO {schema}.branding_asset (tenant_id, hash, media_type, content) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, hash) DO NOTHING""",
)

# Forget what no version shows, what a draft showed before it was changed, and give its room back.
DELETE_UNUSED = Statement(
    "branding_asset.delete_unused",
    """WITH gone AS (
      DELETE FROM {schema}.branding_asset AS a WHERE a.tenant_id = $1 AND NOT EXISTS (
        SELECT FROM {schema}.branding AS b
        WHERE b.tenant_id = $1 AND a.hash IN (b.logo_hash, b.favicon_hash))
      RETURNING octet_length(a.content) AS size
    )
    UPDATE {schema}.file_ledger l SET bytes = l.bytes - (SELECT sum(size) FROM gone)
    WHERE l.tenant_id = $1 AND EXISTS (SELECT FROM gone)""",
)


async def find(session: ShardSession, hash_: str) -> BrandingAsset | None:
    row = await session.fetch_row(FIND, hash_)
    return None if row is None else BrandingAsset(*row)


async def insert(session: ShardSession, asset: BrandingAsset) -> bool:
    """Whether it is new."""
    return bool(await session.execute(INSERT, asset.hash, asset.media_type, asset.content))


async def delete_unused(session: ShardSession) -> None:
    await session.execute(DELETE_UNUSED)
