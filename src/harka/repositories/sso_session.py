from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Origin(msgspec.Struct, frozen=True):
    """Whom a provider meant. `sid`: in which session of its own; None where it does not tell."""

    connection_id: UUID
    issuer: str
    subject: str
    sid: str | None


# A session began by a provider.
INSERT = Statement(
    "sso_session.insert",
    """INSERT INTO {schema}.sso_session (tenant_id, session_id, connection_id, issuer, subject, sid)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::text, $6::text)""",
)

# A session began in another, and perhaps by a provider like that.
COPY = Statement(
    "sso_session.copy",
    """INSERT INTO {schema}.sso_session (tenant_id, session_id, connection_id, issuer, subject, sid)
    SELECT $1::uuid, $3::uuid, o.connection_id, o.issuer, o.subject, o.sid
    FROM {schema}.sso_session o WHERE o.tenant_id = $1 AND o.session_id = $2::uuid""",
)

# End what began by a provider for somebody; a sid of NULL stands for every session of theirs.
REVOKE_OF_SUBJECT = Statement(
    "sso_session.revoke_of_subject",
    """UPDATE {schema}.session s SET revoked_at = now(), updated_at = now(), version = s.version + 1
    FROM {schema}.sso_session o
    WHERE o.tenant_id = $1 AND o.connection_id = $2::uuid AND o.issuer = $3::text AND o.subject = $4::text
      AND ($5::text IS NULL OR o.sid = $5)
      AND s.tenant_id = $1 AND s.id = o.session_id AND s.revoked_at IS NULL
    RETURNING s.user_id""",
)

# End what began in a session of a provider's, whoever it was.
REVOKE_OF_SID = Statement(
    "sso_session.revoke_of_sid",
    """UPDATE {schema}.session s SET revoked_at = now(), updated_at = now(), version = s.version + 1
    FROM {schema}.sso_session o
    WHERE o.tenant_id = $1 AND o.connection_id = $2::uuid AND o.issuer = $3::text AND o.sid = $4::text
      AND s.tenant_id = $1 AND s.id = o.session_id AND s.revoked_at IS NULL
    RETURNING s.user_id""",
)

# End what began by a connection.
REVOKE_OF_CONNECTION = Statement(
    "sso_session.revoke_of_connection",
    """UPDATE {schema}.session s SET revoked_at = now(), updated_at = now(), version = s.version + 1
    FROM {schema}.sso_session o
    WHERE o.tenant_id = $1 AND o.connection_id = $2::uuid
      AND s.tenant_id = $1 AND s.id = o.session_id AND s.revoked_at IS NULL""",
)


async def insert(session: ShardSession, id_: UUID, origin: Origin) -> None:
    await session.execute(INSERT, id_, *msgspec.structs.astuple(origin))


async def copy(session: ShardSession, begun: UUID, in_it: UUID) -> None:
    """Nothing happens where `begun` began by no provider."""
    await session.execute(COPY, begun, in_it)


async def revoke(
    session: ShardSession, connection: UUID, issuer: str, subject: str | None, sid: str | None
) -> list[UUID]:
    """Whose sessions were ended, a person for each. One of `subject` and `sid` is told at least."""
    if subject is None:
        rows = await session.fetch(REVOKE_OF_SID, connection, issuer, sid)
    else:
        rows = await session.fetch(REVOKE_OF_SUBJECT, connection, issuer, subject, sid)
    return [row["user_id"] for row in rows]


async def revoke_of_connection(session: ShardSession, connection: UUID) -> int:
    """How many were ended."""
    return await session.execute(REVOKE_OF_CONNECTION, connection)
