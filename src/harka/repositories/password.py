from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Known(msgspec.Struct, frozen=True):
    """What is asked of whoever says that they are somebody. `hash`: None without a password.

    `sealed_secret`: of the second factor, None for who has none. `last_step`: of the last code accepted.
    """

    user_id: UUID
    status: str
    hash: str | None
    sealed_secret: bytes | None
    last_step: int | None


# What is asked of who has an address, whatever its case.
FIND_BY_EMAIL = Statement(
    "password.find_by_email",
    """SELECT u.id, u.status, p.hash, t.sealed_secret, t.last_step
    FROM {schema}."user" u
    LEFT JOIN {schema}.password p ON p.tenant_id = $1 AND p.user_id = u.id
    LEFT JOIN {schema}.totp t ON t.tenant_id = $1 AND t.user_id = u.id AND t.confirmed_at IS NOT NULL
    WHERE u.tenant_id = $1 AND u.email_key = lower($2::text)""",
)

# What is asked of a person.
FIND_BY_USER = Statement(
    "password.find_by_user",
    """SELECT u.id, u.status, p.hash, t.sealed_secret, t.last_step
    FROM {schema}."user" u
    LEFT JOIN {schema}.password p ON p.tenant_id = $1 AND p.user_id = u.id
    LEFT JOIN {schema}.totp t ON t.tenant_id = $1 AND t.user_id = u.id AND t.confirmed_at IS NOT NULL
    WHERE u.tenant_id = $1 AND u.id = $2::uuid""",
)

# A person's password, whether they had one or not. Whoever has a new one needs no reset any more.
SET = Statement(
    "password.set",
    """WITH spent AS (
      DELETE FROM {schema}.password_reset WHERE tenant_id = $1 AND user_id = $2::uuid)
    INSERT INTO {schema}.password (tenant_id, user_id, hash) VALUES ($1, $2::uuid, $3::text)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET hash = excluded.hash, changed_at = now()""",
)

# The same password, hashed as it would be today, unless it was changed meanwhile.
REHASH = Statement(
    "password.rehash",
    """UPDATE {schema}.password SET hash = $4::text
    WHERE tenant_id = $1 AND user_id = $2::uuid AND hash = $3::text""",
)

# Let a person set a password by a token; an earlier token of theirs is good for nothing any more.
ALLOW_RESET = Statement(
    "password.allow_reset",
    """INSERT INTO {schema}.password_reset (tenant_id, user_id, token_hash, expires_at)
    VALUES ($1, $2::uuid, $3::bytea, $4::timestamptz)
    ON CONFLICT (tenant_id, user_id) DO UPDATE
    SET token_hash = excluded.token_hash, expires_at = excluded.expires_at""",
)

# Whether a token may be spent.
KNOWS_RESET = Statement(
    "password.knows_reset",
    """SELECT EXISTS (SELECT FROM {schema}.password_reset r
      JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = r.user_id AND u.status = 'active'
      WHERE r.tenant_id = $1 AND r.token_hash = $2::bytea AND r.expires_at > now())""",
)

# Spend a token. Two who spend it at once wait for each other, and one of them finds it.
SPEND_RESET = Statement(
    "password.spend_reset",
    """DELETE FROM {schema}.password_reset r
    WHERE r.tenant_id = $1 AND r.token_hash = $2::bytea AND r.expires_at > now()
      AND EXISTS (SELECT FROM {schema}."user" u
        WHERE u.tenant_id = $1 AND u.id = r.user_id AND u.status = 'active')
    RETURNING r.user_id,
      (SELECT u.email FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = r.user_id) AS email,
      (SELECT u.name FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = r.user_id) AS name""",
)


async def find_by_email(session: ShardSession, email: str) -> Known | None:
    row = await session.fetch_row(FIND_BY_EMAIL, email)
    return None if row is None else Known(*row)


async def find_by_user(session: ShardSession, user: UUID) -> Known | None:
    row = await session.fetch_row(FIND_BY_USER, user)
    return None if row is None else Known(*row)


async def set_hash(session: ShardSession, user: UUID, hashed: str) -> None:
    await session.execute(SET, user, hashed)


async def rehash(session: ShardSession, user: UUID, old: str, new: str) -> None:
    """Nothing happens when `old` is not the hash any more."""
    await session.execute(REHASH, user, old, new)


async def allow_reset(session: ShardSession, user: UUID, token_hash: bytes, expires_at: datetime) -> None:
    await session.execute(ALLOW_RESET, user, token_hash, expires_at)


async def knows_reset(session: ShardSession, token_hash: bytes) -> bool:
    return bool(await session.fetch_value(KNOWS_RESET, token_hash))


async def spend_reset(session: ShardSession, token_hash: bytes) -> tuple[UUID, str, str] | None:
    """Whose it was, their address and name; None for a token of nobody active, and for one that has ended."""
    found = await session.fetch_row(SPEND_RESET, token_hash)
    return None if found is None else (found["user_id"], found["email"], found["name"])
