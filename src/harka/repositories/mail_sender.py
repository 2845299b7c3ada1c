"""By which server of its own a tenant sends its e-mails: one, or none."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class MailSender(msgspec.Struct, frozen=True):
    """`address`: that e-mails come from. `start_tls`: whether it is encrypted after it has begun.

    `verified_at`: when an e-mail first went out by it as it is now, None before. `failing_since`, `error`:
    since when it takes nothing, and why.
    """

    id: UUID
    address: str
    host: str
    port: int
    start_tls: bool
    username: str
    verified_at: datetime | None
    failing_since: datetime | None
    error: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class Sealed(msgspec.Struct, frozen=True):
    """What is needed to send. `sealed_password`: for the tenant."""

    id: UUID
    address: str
    host: str
    port: int
    start_tls: bool
    username: str
    sealed_password: bytes
    verified_at: datetime | None
    failing_since: datetime | None
    version: int


_COLUMNS: Final = """id, address, host, port, start_tls, username, verified_at, failing_since, error,
      created_at, updated_at, version"""

# The tenant's.
FIND = Statement(
    "mail_sender.find",
    f"SELECT {_COLUMNS} FROM {{schema}}.mail_sender WHERE tenant_id = $1",  # noqa: S608 - constants
)

# It, with what it is let in by.
FIND_SEALED = Statement(
    "mail_sender.find_sealed",
    """SELECT id, address, host, port, start_tls, username, sealed_password, verified_at, failing_since,
      version
    FROM {schema}.mail_sender WHERE tenant_id = $1""",
)

# Another one in its place, or the first.
SET = Statement(
    "mail_sender.set",
    f"""INSERT INTO {{schema}}.mail_sender
      (tenant_id, id, address, host, port, start_tls, username, sealed_password)
    VALUES ($1, $2::uuid, $3::text, $4::text, $5::int, $6::boolean, $7::text, $8::bytea)
    ON CONFLICT (tenant_id) DO UPDATE SET address = excluded.address, host = excluded.host,
      port = excluded.port, start_tls = excluded.start_tls, username = excluded.username,
      sealed_password = excluded.sealed_password, verified_at = NULL, failing_since = NULL, error = NULL,
      updated_at = now(), version = mail_sender.version + 1
    WHERE $9::int IS NULL OR mail_sender.version = $9
    RETURNING {_COLUMNS}""",  # noqa: S608 - constants
)

# The platform's server sends again.
DELETE = Statement(
    "mail_sender.delete",
    """DELETE FROM {schema}.mail_sender WHERE tenant_id = $1 AND ($2::int IS NULL OR version = $2)
    RETURNING id""",
)

# How it is, as it was tried, and not as it was set meanwhile.
NOTE = Statement(
    "mail_sender.note",
    """UPDATE {schema}.mail_sender SET
      verified_at = CASE WHEN $3::text IS NULL THEN coalesce(verified_at, now()) ELSE verified_at END,
      failing_since = CASE WHEN $3 IS NOT NULL THEN coalesce(failing_since, now()) END, error = $3
    WHERE tenant_id = $1 AND version = $2::int""",
)


async def find(session: ShardSession) -> MailSender | None:
    found: Sequence[MailSender] = await session.fetch_rows(MailSender, FIND)
    return found[0] if found else None


async def find_sealed(session: ShardSession) -> Sealed | None:
    row = await session.fetch_row(FIND_SEALED)
    return None if row is None else Sealed(*row)


async def put(
    session: ShardSession, new: MailSender, sealed_password: bytes, *, version: int | None
) -> MailSender | None:
    """In place of any, or of the one of `version`; None when there is another."""
    row = await session.fetch_row(
        SET,
        *(new.id, new.address, new.host, new.port, new.start_tls, new.username),
        *(sealed_password, version),
    )
    return None if row is None else MailSender(*row)


async def delete(session: ShardSession, version: int | None) -> UUID | None:
    """Its id; None: absent, or of another version."""
    row = await session.fetch_row(DELETE, version)
    return None if row is None else row["id"]


async def note(session: ShardSession, version: int, error: str | None) -> None:
    """`version`: that was tried. `error`: None when it took an e-mail."""
    await session.execute(NOTE, version, error)
