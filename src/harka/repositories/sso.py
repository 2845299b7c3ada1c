import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    CREATED,
    NAME,
    OLDEST_FIRST,
    Condition,
    Order,
    Position,
    narrowed,
    pages,
)
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class SsoKind(enum.StrEnum):
    OIDC = "oidc"
    LDAP = "ldap"
    SAML = "saml"


class SsoState(enum.StrEnum):
    DRAFT = "draft"
    TESTED = "tested"
    ENFORCED = "enforced"
    DISABLED = "disabled"


class SsoRolesAtSignIn(enum.StrEnum):
    FIRST = "first"
    EVERY = "every"


class SsoConnectionOrder(enum.StrEnum):
    CREATED_AT = "created_at"
    NAME = "name"


class SsoConnection(msgspec.Struct, frozen=True):
    """Without its secret. `role_claim`: the claim that names a role; None where none does.

    `role_mapping`: each a role, a colon, and what the claim says for it; empty where it says the role itself.
    `roles_at_sign_in`: an `SsoRolesAtSignIn`.
    `email_domains`: lower case; people with an address there are sent here.

    Of a directory `issuer` is the address, `client_id` the name that asks, `role_claim` the attribute that
    names groups; `base_dn` to `ca_certificates` are a directory's alone.
    Of a SAML provider `issuer` is its entity id, `client_id` ours, `role_claim` an attribute, and the secret
    our private key; `sso_url` to `certificates_end_at` are such a one's alone. The certificates are PEM; the
    first of `idp_certificates` and `own_certificate` to leave nothing that holds does so at
    `certificates_end_at`. `email_attribute`, `name_attribute`: None for what most call them.
    `next_certificate`: of the pair of ours that signs from `key_changes_at` on; see `repositories.sso_key`.
    `tested_at`: when the provider last answered as it should; `proven_at`: when somebody last came in by it.
    None before, and again when it has changed since.
    """

    id: UUID
    kind: str
    name: str
    state: str
    issuer: str
    client_id: str
    role_claim: str | None
    role_mapping: list[str]
    default_role: str
    roles_at_sign_in: str
    email_domains: list[str]
    base_dn: str | None
    login_attribute: str | None
    user_filter: str | None
    start_tls: bool
    ca_certificates: str | None
    sso_url: str | None
    metadata_url: str | None
    idp_certificates: str | None
    own_certificate: str | None
    next_certificate: str | None
    key_changes_at: datetime | None
    idp_initiated: bool
    email_attribute: str | None
    name_attribute: str | None
    certificates_end_at: datetime | None
    tested_at: datetime | None
    proven_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Ending(msgspec.Struct, frozen=True):
    """A connection whose certificates end soon, or have."""

    id: UUID
    certificates_end_at: datetime


class Policy(msgspec.Struct, frozen=True):
    """`enforced`: passwords are forbidden here. `is_break_glass`: not to this person."""

    enforced: bool
    is_break_glass: bool


_NOBODY: Final = UUID(int=0)

# Connections by id.
FIND_BY_IDS = Statement(
    "sso.find_by_ids",
    """SELECT id, kind, name, state, issuer, client_id, role_claim, role_mapping, default_role,
      roles_at_sign_in, email_domains, base_dn, login_attribute, user_filter, start_tls, ca_certificates,
      sso_url, metadata_url, idp_certificates, own_certificate, next_certificate, key_changes_at,
      idp_initiated, email_attribute, name_attribute, certificates_end_at, tested_at, proven_at,
      created_at, updated_at, version
    FROM {schema}.sso_connection WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

_MATCHES: Final = narrowed(Condition("text", "kind = {}"), Condition("text", "state = {}"))

# One page of connections, in each order.
PAGES = pages(
    "sso.page",
    f"""SELECT id, kind, name, state, issuer, client_id, role_claim, role_mapping, default_role,
      roles_at_sign_in, email_domains, base_dn, login_attribute, user_filter, start_tls, ca_certificates,
      sso_url, metadata_url, idp_certificates, own_certificate, next_certificate, key_changes_at,
      idp_initiated, email_attribute, name_attribute, certificates_end_at, tested_at, proven_at,
      created_at, updated_at, version
    FROM {{schema}}.sso_connection
    WHERE tenant_id = $1 AND {_MATCHES} {{after}} ORDER BY {{order}} LIMIT $4""",  # noqa: S608 - constants
    {SsoConnectionOrder.CREATED_AT: CREATED, SsoConnectionOrder.NAME: NAME},
    position=5,
)

# How many connections match.
COUNT = Statement(
    "sso.count",
    f"SELECT count(*) FROM {{schema}}.sso_connection WHERE tenant_id = $1 AND {_MATCHES}",  # noqa: S608 - constants
)

# Those by which somebody may come in, oldest first.
OFFERED = Statement(
    "sso.offered",
    """SELECT id, kind, name, state, issuer, client_id, role_claim, role_mapping, default_role,
      roles_at_sign_in, email_domains, base_dn, login_attribute, user_filter, start_tls, ca_certificates,
      sso_url, metadata_url, idp_certificates, own_certificate, next_certificate, key_changes_at,
      idp_initiated, email_attribute, name_attribute, certificates_end_at, tested_at, proven_at,
      created_at, updated_at, version
    FROM {schema}.sso_connection WHERE tenant_id = $1 AND state IN ('tested', 'enforced')
    ORDER BY created_at, id""",
)

# By which somebody with an address of this domain may come in; the eldest where several may.
ROUTED = Statement(
    "sso.routed",
    """SELECT id, kind, name, state, issuer, client_id, role_claim, role_mapping, default_role,
      roles_at_sign_in, email_domains, base_dn, login_attribute, user_filter, start_tls, ca_certificates,
      sso_url, metadata_url, idp_certificates, own_certificate, next_certificate, key_changes_at,
      idp_initiated, email_attribute, name_attribute, certificates_end_at, tested_at, proven_at,
      created_at, updated_at, version
    FROM {schema}.sso_connection
    WHERE tenant_id = $1 AND state IN ('tested', 'enforced') AND $2::text = ANY(email_domains)
    ORDER BY created_at, id LIMIT 1""",
)

# Connections by which people may come in, whose certificates end within so many seconds.
ENDING = Statement(
    "sso.ending",
    """SELECT id, certificates_end_at FROM {schema}.sso_connection
    WHERE tenant_id = $1 AND state IN ('tested', 'enforced')
      AND certificates_end_at < now() + $2::float8 * interval '1 second'
    ORDER BY certificates_end_at, id""",
)

# A connection's secret, sealed.
FIND_SECRET = Statement(
    "sso.find_secret",
    "SELECT sealed_secret FROM {schema}.sso_connection WHERE tenant_id = $1 AND id = $2::uuid",
)

# A new connection.
INSERT = Statement(
    "sso.insert",
    """INSERT INTO {schema}.sso_connection
      (tenant_id, id, kind, name, state, issuer, client_id, role_claim, role_mapping, default_role,
       roles_at_sign_in, email_domains, base_dn, login_attribute, user_filter, start_tls, ca_certificates,
       sso_url, metadata_url, idp_certificates, own_certificate, next_certificate, key_changes_at,
       idp_initiated, email_attribute, name_attribute, certificates_end_at, tested_at, proven_at,
       created_at, updated_at, version, sealed_secret)
    VALUES ($1, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text[], $10::text,
      $11::text, $12::text[], $13::text, $14::text, $15::text, $16::boolean, $17::text, $18::text, $19::text,
      $20::text, $21::text, $22::text, $23::timestamptz, $24::boolean, $25::text, $26::text, $27::timestamptz,
      $28::timestamptz, $29::timestamptz, $30::timestamptz, $31::timestamptz, $32::int, $33::bytea)""",
)

# Write a connection, unless someone else changed it; a secret of NULL stays as it is.
UPDATE = Statement(
    "sso.update",
    """UPDATE {schema}.sso_connection
    SET name = $4::text, state = $5::text, issuer = $6::text, client_id = $7::text, role_claim = $8::text,
      role_mapping = $9::text[], default_role = $10::text, roles_at_sign_in = $11::text,
      email_domains = $12::text[], base_dn = $13::text, login_attribute = $14::text,
      user_filter = $15::text, start_tls = $16::boolean, ca_certificates = $17::text,
      sso_url = $18::text, metadata_url = $19::text, idp_certificates = $20::text,
      own_certificate = $21::text, idp_initiated = $22::boolean,
      email_attribute = $23::text, name_attribute = $24::text, certificates_end_at = $25::timestamptz,
      tested_at = $26::timestamptz, proven_at = $27::timestamptz,
      sealed_secret = coalesce($28::bytea, sealed_secret), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, kind, name, state, issuer, client_id, role_claim, role_mapping, default_role,
      roles_at_sign_in, email_domains, base_dn, login_attribute, user_filter, start_tls, ca_certificates,
      sso_url, metadata_url, idp_certificates, own_certificate, next_certificate, key_changes_at,
      idp_initiated, email_attribute, name_attribute, certificates_end_at, tested_at, proven_at,
      created_at, updated_at, version""",
)

# Keep a connection as it is: nobody comes in by it, or is linked to it, until this transaction ends.
LOCK = Statement(
    "sso.lock",
    "SELECT id FROM {schema}.sso_connection WHERE tenant_id = $1 AND id = $2::uuid FOR UPDATE",
)

# What those are who come in by a connection, each once.
ROLES_OF_LINKED = Statement(
    "sso.roles_of_linked",
    """SELECT DISTINCT u.role, u.role_id FROM {schema}.sso_identity i
    JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = i.user_id
    WHERE i.tenant_id = $1 AND i.connection_id = $2::uuid""",
)

# A connection is no more, unless it is enforced; with it go its secret and whom its provider meant.
DELETE = Statement(
    "sso.delete",
    """DELETE FROM {schema}.sso_connection
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int AND state <> 'enforced'""",
)

# Somebody came in by it: it works. That is no change of the connection, and not written each time.
PROVE = Statement(
    "sso.prove",
    """UPDATE {schema}.sso_connection SET proven_at = now()
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
      AND (proven_at IS NULL OR proven_at < now() - interval '1 hour')""",
)

# How many active owners have a password and a second factor; who asks holds them as they are.
BREAK_GLASS = Statement(
    "sso.break_glass",
    """SELECT u.id FROM {schema}."user" u
    JOIN {schema}.password p ON p.tenant_id = $1 AND p.user_id = u.id
    JOIN {schema}.totp t ON t.tenant_id = $1 AND t.user_id = u.id AND t.confirmed_at IS NOT NULL
    WHERE u.tenant_id = $1 AND u.role = 'owner' AND u.status = 'active' FOR SHARE OF u, t""",
)

# Whether passwords are forbidden; nothing of that changes until this transaction ends.
LOCK_ENFORCED = Statement(
    "sso.lock_enforced",
    """SELECT id FROM {schema}.sso_connection WHERE tenant_id = $1 AND state = 'enforced'
    ORDER BY id FOR UPDATE""",
)

# How many active owners have a password and a second factor.
COUNT_BREAK_GLASS = Statement(
    "sso.count_break_glass",
    """SELECT count(*) FROM {schema}."user" u
    JOIN {schema}.password p ON p.tenant_id = $1 AND p.user_id = u.id
    JOIN {schema}.totp t ON t.tenant_id = $1 AND t.user_id = u.id AND t.confirmed_at IS NOT NULL
    WHERE u.tenant_id = $1 AND u.role = 'owner' AND u.status = 'active'""",
)

# Whether passwords are forbidden, and whether to this person.
POLICY = Statement(
    "sso.policy",
    """SELECT EXISTS (SELECT FROM {schema}.sso_connection c WHERE c.tenant_id = $1 AND c.state = 'enforced')
        AS enforced,
      EXISTS (SELECT FROM {schema}."user" u
        JOIN {schema}.totp t ON t.tenant_id = $1 AND t.user_id = u.id AND t.confirmed_at IS NOT NULL
        WHERE u.tenant_id = $1 AND u.id = $2::uuid AND u.role = 'owner' AND u.status = 'active')
        AS is_break_glass""",
)

# Whom an issuer means.
FIND_IDENTITY = Statement(
    "sso.find_identity",
    """SELECT user_id FROM {schema}.sso_identity
    WHERE tenant_id = $1 AND connection_id = $2::uuid AND issuer = $3::text AND subject = $4::text""",
)

# Whether a person comes in by a provider by which people are let in.
IS_LINKED = Statement(
    "sso.is_linked",
    """SELECT EXISTS (SELECT FROM {schema}.sso_identity i
        JOIN {schema}.sso_connection c ON c.tenant_id = $1 AND c.id = i.connection_id
        WHERE i.tenant_id = $1 AND i.user_id = $2::uuid AND c.state IN ('tested', 'enforced'))
        AS is_linked""",
)

# From now on this issuer means this person by this subject.
LINK = Statement(
    "sso.link",
    """INSERT INTO {schema}.sso_identity (tenant_id, connection_id, issuer, subject, user_id)
    VALUES ($1, $2::uuid, $3::text, $4::text, $5::uuid)""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[SsoConnection]:
    """In no particular order."""
    return await session.fetch_rows(SsoConnection, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    kind: str | None = None,
    state: str | None = None,
) -> Sequence[SsoConnection]:
    """`kind`: an `SsoKind`. `state`: an `SsoState`. None for any, here and below."""
    asked = (kind, state, first, *(after or ()))
    return await session.fetch_rows(SsoConnection, PAGES[order].of(after), *asked)


async def count(session: ShardSession, *, kind: str | None = None, state: str | None = None) -> int:
    return int(await session.fetch_value(COUNT, kind, state))


async def offered(session: ShardSession) -> Sequence[SsoConnection]:
    return await session.fetch_rows(SsoConnection, OFFERED)


async def routed(session: ShardSession, domain: str) -> SsoConnection | None:
    row = await session.fetch_row(ROUTED, domain)
    return None if row is None else SsoConnection(*row)


async def ending(session: ShardSession, *, within: float) -> Sequence[Ending]:
    """Of those by which people may come in; the first to end first. `within`: seconds."""
    return await session.fetch_rows(Ending, ENDING, within)


async def find_secret(session: ShardSession, id_: UUID) -> bytes | None:
    row = await session.fetch_row(FIND_SECRET, id_)
    return None if row is None else row["sealed_secret"]


async def insert(session: ShardSession, made: SsoConnection, sealed_secret: bytes) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(made), sealed_secret)


async def update(
    session: ShardSession, changed: SsoConnection, sealed_secret: bytes | None = None
) -> SsoConnection | None:
    """`changed.version`: as it was read. None: absent, or of another version."""
    row = await session.fetch_row(
        UPDATE,
        changed.id,
        changed.version,
        changed.name,
        changed.state,
        changed.issuer,
        changed.client_id,
        changed.role_claim,
        changed.role_mapping,
        changed.default_role,
        changed.roles_at_sign_in,
        changed.email_domains,
        changed.base_dn,
        changed.login_attribute,
        changed.user_filter,
        changed.start_tls,
        changed.ca_certificates,
        changed.sso_url,
        changed.metadata_url,
        changed.idp_certificates,
        changed.own_certificate,
        changed.idp_initiated,
        changed.email_attribute,
        changed.name_attribute,
        changed.certificates_end_at,
        changed.tested_at,
        changed.proven_at,
        sealed_secret,
    )
    return None if row is None else SsoConnection(*row)


async def lock(session: ShardSession, id_: UUID) -> None:
    """Who comes in by it at once waits until this transaction ends; who is about to is waited for."""
    await session.fetch(LOCK, id_)


async def roles_of_linked(session: ShardSession, id_: UUID) -> list[tuple[str, UUID | None]]:
    """Role, and id where it is the organization's own, of each that somebody has who is linked to it."""
    rows = await session.fetch(ROLES_OF_LINKED, id_)
    return [(row["role"], row["role_id"]) for row in rows]


async def delete(session: ShardSession, id_: UUID, version: int) -> bool:
    """False, and nothing done: absent, enforced, or of another version."""
    return await session.execute(DELETE, id_, version) > 0


async def prove(session: ShardSession, connection: SsoConnection) -> None:
    """Nothing happens when it has changed meanwhile."""
    await session.execute(PROVE, connection.id, connection.version)


async def count_break_glass_locked(session: ShardSession) -> int:
    """They stay as they are until this transaction ends."""
    return len(await session.fetch(BREAK_GLASS))


async def lock_enforced(session: ShardSession) -> bool:
    """Whether passwords are forbidden; who asks at once waits until this transaction ends."""
    return bool(await session.fetch(LOCK_ENFORCED))


async def count_break_glass(session: ShardSession) -> int:
    return int(await session.fetch_value(COUNT_BREAK_GLASS))


async def policy(session: ShardSession, user: UUID | None) -> Policy:
    """`user`: None for an address that is nobody's, which costs the same."""
    row = await session.fetch_row(POLICY, user or _NOBODY)
    assert row is not None  # noqa: S101 - it has no condition
    return Policy(*row)


async def find_identity(session: ShardSession, connection: UUID, issuer: str, subject: str) -> UUID | None:
    row = await session.fetch_row(FIND_IDENTITY, connection, issuer, subject)
    return None if row is None else row["user_id"]


async def is_linked(session: ShardSession, user: UUID) -> bool:
    return bool(await session.fetch_value(IS_LINKED, user))


async def link(session: ShardSession, connection: UUID, issuer: str, subject: str, user: UUID) -> None:
    """Raise `UniqueError` when somebody is linked to it."""
    await session.execute(LINK, connection, issuer, subject, user)
