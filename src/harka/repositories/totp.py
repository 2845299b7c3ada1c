from collections.abc import Sequence
from uuid import UUID

from harka.storage.session import ShardSession
from harka.storage.statement import Statement

# A secret that is not confirmed yet, in place of an earlier one that was not either.
PROPOSE = Statement(
    "totp.propose",
    """INSERT INTO {schema}.totp (tenant_id, user_id, sealed_secret) VALUES ($1, $2::uuid, $3::bytea)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret
    WHERE totp.confirmed_at IS NULL""",
)

# The secret that waits to be confirmed.
FIND_PROPOSED = Statement(
    "totp.find_proposed",
    """SELECT sealed_secret FROM {schema}.totp
    WHERE tenant_id = $1 AND user_id = $2::uuid AND confirmed_at IS NULL FOR UPDATE""",
)

# A code proved that the person has the secret.
CONFIRM = Statement(
    "totp.confirm",
    """UPDATE {schema}.totp SET confirmed_at = now(), last_step = $3::bigint
    WHERE tenant_id = $1 AND user_id = $2::uuid""",
)

# The codes that stand in for a device that is lost.
ADD_CODES = Statement(
    "totp.add_codes",
    """INSERT INTO {schema}.recovery_code (tenant_id, user_id, hash)
    SELECT $1::uuid, $2::uuid, * FROM unnest($3::bytea[])""",
)

# Accept a code of a later half minute than the last one's; two at once cannot both.
ADVANCE = Statement(
    "totp.advance",
    """UPDATE {schema}.totp SET last_step = $3::bigint
    WHERE tenant_id = $1 AND user_id = $2::uuid AND last_step < $3 AND confirmed_at IS NOT NULL""",
)

# Spend a recovery code.
SPEND_CODE = Statement(
    "totp.spend_code",
    """DELETE FROM {schema}.recovery_code WHERE tenant_id = $1 AND user_id = $2::uuid AND hash = $3::bytea""",
)

# Do without a second factor; its recovery codes go with it.
DELETE = Statement("totp.delete", "DELETE FROM {schema}.totp WHERE tenant_id = $1 AND user_id = $2::uuid")


async def propose(session: ShardSession, user: UUID, sealed_secret: bytes) -> bool:
    """False, and nothing done: they have a confirmed one."""
    return await session.execute(PROPOSE, user, sealed_secret) > 0


async def find_proposed(session: ShardSession, user: UUID) -> bytes | None:
    """Sealed, and held until this transaction ends; None without one that waits to be confirmed."""
    row = await session.fetch_row(FIND_PROPOSED, user)
    return None if row is None else row["sealed_secret"]


async def confirm(session: ShardSession, user: UUID, step: int, code_hashes: Sequence[bytes]) -> None:
    """What is held. `step`: of the code that proved it."""
    await session.execute(CONFIRM, user, step)
    await session.execute(ADD_CODES, user, code_hashes)


async def advance(session: ShardSession, user: UUID, step: int) -> bool:
    """Whether it is a later one."""
    return await session.execute(ADVANCE, user, step) > 0


async def spend_code(session: ShardSession, user: UUID, code_hash: bytes) -> bool:
    """Whether there was one."""
    return await session.execute(SPEND_CODE, user, code_hash) > 0


async def delete(session: ShardSession, user: UUID) -> bool:
    """Whether they had one, confirmed or not."""
    return await session.execute(DELETE, user) > 0
