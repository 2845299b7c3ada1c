"""Who wants which kinds of e-mails no more, and who is left to be told something."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka.storage.session import ShardSession
from harka.storage.statement import Statement

# What a person has refused.
FIND = Statement(
    "mail_topic.find",
    "SELECT topic FROM {schema}.mail_refusal WHERE tenant_id = $1 AND user_id = $2::uuid ORDER BY topic",
)

# A person who is here refuses a kind; nothing changes when they had.
INSERT = Statement(
    "mail_topic.insert",
    """INSERT INTO {schema}.mail_refusal (tenant_id, user_id, topic)
    SELECT $1::uuid, u.id, $3::text FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = $2::uuid
    ON CONFLICT (tenant_id, user_id, topic) DO NOTHING""",
)

# They want it again.
DELETE = Statement(
    "mail_topic.delete",
    "DELETE FROM {schema}.mail_refusal WHERE tenant_id = $1 AND user_id = $2::uuid AND topic = $3::text",
)

# active, may change the organization, sees everybody in it, and has not refused to be told
_IN_CHARGE: Final = """u.status = 'active' AND NOT u.is_bound
      AND (u.role IN ('admin', 'owner') OR EXISTS (SELECT FROM {schema}.custom_role r
        WHERE r.tenant_id = $1 AND r.id = u.role_id AND 'organization:write' = ANY(r.permissions)))
      AND NOT EXISTS (SELECT FROM {schema}.user_scope managed
        WHERE managed.tenant_id = $1 AND managed.user_id = u.id)
      AND NOT EXISTS (SELECT FROM {schema}.mail_refusal refused
        WHERE refused.tenant_id = $1 AND refused.user_id = u.id AND refused.topic = $2::text)"""

# Those in charge who are to be told, the longest here first. It looks at everybody, seldom.
FIND_IN_CHARGE = Statement(
    "mail_topic.find_in_charge",
    f"""SELECT u.id FROM {{schema}}."user" u WHERE u.tenant_id = $1 AND {_IN_CHARGE}
    ORDER BY u.created_at, u.id LIMIT $3::int""",  # noqa: S608 - constants
)

# Whether somebody is one of them.
IS_IN_CHARGE = Statement(
    "mail_topic.is_in_charge",
    f"""SELECT u.id FROM {{schema}}."user" u
    WHERE u.tenant_id = $1 AND u.id = $3::uuid AND {_IN_CHARGE}""",  # noqa: S608 - constants
)

# The other owners who are here.
FIND_OTHER_OWNERS = Statement(
    "mail_topic.find_other_owners",
    """SELECT u.id FROM {schema}."user" u
    WHERE u.tenant_id = $1 AND u.role = 'owner' AND u.status = 'active' AND u.id <> $2::uuid
    ORDER BY u.created_at, u.id LIMIT $3::int""",
)


async def find(session: ShardSession, user: UUID) -> set[str]:
    """The topics."""
    return {str(row["topic"]) for row in await session.fetch(FIND, user)}


async def insert(session: ShardSession, user: UUID, topic: str) -> None:
    """Nothing happens for somebody who is not here."""
    await session.execute(INSERT, user, topic)


async def delete(session: ShardSession, user: UUID, topic: str) -> None:
    await session.execute(DELETE, user, topic)


async def find_in_charge(session: ShardSession, *, topic: str, most: int) -> Sequence[UUID]:
    """Whom to tell."""
    return [row["id"] for row in await session.fetch(FIND_IN_CHARGE, topic, most)]


async def find_other_owners(session: ShardSession, user: UUID, *, most: int) -> Sequence[UUID]:
    """The longest here first."""
    return [row["id"] for row in await session.fetch(FIND_OTHER_OWNERS, user, most)]


async def is_in_charge(session: ShardSession, user: UUID, *, topic: str) -> bool:
    """Whether they are to be told."""
    return await session.fetch_row(IS_IN_CHARGE, topic, user) is not None
