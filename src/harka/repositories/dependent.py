"""What an organization has that acts only as long as it has a feature, by the name people gave it."""

import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from harka.storage.catalog import CatalogAccess, Record
from harka.storage.session import ShardSession
from harka.storage.statement import CatalogStatement, Statement


class DependentKind(enum.StrEnum):
    DOMAIN = "domain"
    MAIL_SENDER = "mail_sender"
    SSO_CONNECTION = "sso_connection"
    SCIM_TOKEN = "scim_token"  # noqa: S105 - a kind of token
    API_KEY = "api_key"
    WEBHOOK_ENDPOINT = "webhook_endpoint"


class Dependent(NamedTuple):
    """`feature`: its name in `tenancy.plan.Features`, or as clients spell it. `kind`: a `DependentKind`."""

    feature: str
    kind: str
    name: str


# Domains that are served, and tokens and keys that may still be used.
LIST_IN_CATALOG = CatalogStatement(
    "dependent.list_in_catalog",
    """SELECT 'custom_branding' AS feature, 'domain' AS kind, name FROM control.domain
    WHERE tenant_id = $1 AND status = 'ACTIVE'
    UNION ALL SELECT 'sso', 'scim_token', name FROM control.scim_token
    WHERE tenant_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    UNION ALL SELECT 'api_access', 'api_key', name FROM control.api_key
    WHERE tenant_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    ORDER BY feature, kind, name""",
)

# The sender that e-mails go by, connections by which people come in, and endpoints that something is sent to,
# without the query in which some keep a secret: the history keeps the names.
LIST_AT_HOME = Statement(
    "dependent.list_at_home",
    """SELECT 'custom_branding' AS feature, 'mail_sender' AS kind, address AS name FROM {schema}.mail_sender
    WHERE tenant_id = $1 AND verified_at IS NOT NULL
    UNION ALL SELECT 'sso', 'sso_connection', name FROM {schema}.sso_connection
    WHERE tenant_id = $1 AND state IN ('tested', 'enforced')
    UNION ALL SELECT 'api_access', 'webhook_endpoint', split_part(url, '?', 1)
    FROM {schema}.webhook_endpoint
    WHERE tenant_id = $1 AND paused_at IS NULL
    ORDER BY feature, kind, name""",
)


async def list_all(catalog: CatalogAccess, session: ShardSession, tenant: UUID) -> Sequence[Dependent]:
    """Of every feature. `session`: of the same tenant."""
    found = _dependents(await catalog.fetch(LIST_IN_CATALOG, tenant))
    return [*found, *_dependents(await session.fetch(LIST_AT_HOME))]


def _dependents(rows: Iterable[Record]) -> list[Dependent]:
    return [Dependent(row["feature"], row["kind"], row["name"]) for row in rows]
