"""The pair of ours that follows another, with a SAML provider."""

from datetime import datetime
from uuid import UUID

from harka.storage.session import ShardSession
from harka.storage.statement import Statement

# The private key that follows, sealed.
FIND_NEXT = Statement(
    "sso_key.find_next",
    "SELECT next_sealed_secret FROM {schema}.sso_connection WHERE tenant_id = $1 AND id = $2::uuid",
)

# A pair follows from a moment on; one of NULL leaves the one that is there and moves the moment.
FOLLOW = Statement(
    "sso_key.follow",
    """UPDATE {schema}.sso_connection
    SET next_certificate = coalesce($4::text, next_certificate),
      next_sealed_secret = coalesce($5::bytea, next_sealed_secret), key_changes_at = $6::timestamptz,
      certificates_end_at = $7::timestamptz, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int""",
)

# One pair again: the one that follows, or the one before.
SETTLE = Statement(
    "sso_key.settle",
    """UPDATE {schema}.sso_connection
    SET own_certificate = CASE WHEN $4::boolean THEN next_certificate ELSE own_certificate END,
      sealed_secret = CASE WHEN $4 THEN next_sealed_secret ELSE sealed_secret END,
      next_certificate = NULL, next_sealed_secret = NULL, key_changes_at = NULL,
      certificates_end_at = $5::timestamptz, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int AND next_certificate IS NOT NULL""",
)


async def find_next(session: ShardSession, id_: UUID) -> bytes | None:
    row = await session.fetch_row(FIND_NEXT, id_)
    return None if row is None else row["next_sealed_secret"]


async def follow(
    session: ShardSession,
    id_: UUID,
    version: int,
    *,
    pair: tuple[str, bytes] | None,
    since: datetime,
    ends_at: datetime | None,
) -> bool:
    """`pair`: certificate and sealed key; None for the one that is there. False: absent, another version."""
    certificate, sealed = pair or (None, None)
    return await session.execute(FOLLOW, id_, version, certificate, sealed, since, ends_at) > 0


async def settle(
    session: ShardSession, id_: UUID, version: int, *, keeps_next: bool, ends_at: datetime | None
) -> bool:
    """False: absent, of another version, or none follows."""
    return await session.execute(SETTLE, id_, version, keeps_next, ends_at) > 0
