import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Kept(msgspec.Struct, frozen=True):
    """`fingerprint`: of what was asked. `answer`: None while there is none."""

    fingerprint: bytes
    answer: bytes | None


# Take a key, or see what there is under it. Who comes second waits here until the first has committed, and
# takes the key after all when that was rolled back. What is too old counts as absent.
TAKE = Statement(
    "idempotency.take",
    """INSERT INTO {schema}.idempotency AS kept (tenant_id, actor, key, fingerprint)
    VALUES ($1, $2::text, $3::text, $4::bytea)
    ON CONFLICT (tenant_id, actor, key) DO UPDATE
    SET fingerprint = CASE WHEN old.is_gone THEN excluded.fingerprint ELSE kept.fingerprint END,
      answer = CASE WHEN old.is_gone THEN NULL ELSE kept.answer END,
      created_at = CASE WHEN old.is_gone THEN now() ELSE kept.created_at END
    RETURNING fingerprint, answer""".replace(
        "old.is_gone", "kept.created_at < now() - make_interval(secs => $5::float8)"
    ),
)

# The answer to what was asked under a key.
KEEP = Statement(
    "idempotency.keep",
    """UPDATE {schema}.idempotency SET answer = $4::bytea
    WHERE tenant_id = $1 AND actor = $2::text AND key = $3::text""",
)

# Forget what is too old.
DELETE_OLD = Statement(
    "idempotency.delete_old",
    """DELETE FROM {schema}.idempotency
    WHERE tenant_id = $1 AND created_at < now() - make_interval(secs => $2::float8)""",
)


async def take(session: ShardSession, actor: str, key: str, fingerprint: bytes, *, older_than: float) -> Kept:
    """What there is under the key, which is ours when it has no answer. `older_than`: seconds."""
    row = await session.fetch_row(TAKE, actor, key, fingerprint, older_than)
    assert row is not None  # noqa: S101 - it returns a row whether it was there or not
    return Kept(*row)


async def keep(session: ShardSession, actor: str, key: str, answer: bytes) -> None:
    await session.execute(KEEP, actor, key, answer)


async def delete_old(session: ShardSession, *, older_than: float) -> int:
    """How many. `older_than`: seconds."""
    return await session.execute(DELETE_OLD, older_than)
