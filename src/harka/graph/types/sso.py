from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, graph_type, leaf, value
from harka.graph.loaders.sso import SsoAttemptByIdLoader, SsoConnectionByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import SsoAttemptOrder, SsoConnectionOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.sso_enums import SsoKind, SsoOutcome, SsoRole, SsoRolesAtSignIn, SsoState
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import sso
from harka.learning.sso_certificate import Certificate, certificates
from harka.learning.sso_draft import RoleMapping, mappings
from harka.repositories.page import NEWEST_FIRST
from harka.repositories.sso import SsoConnection as ConnectionRow
from harka.repositories.sso_attempt import SsoAttempt as AttemptRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _start_path(root: ConnectionRow, info: Info) -> str:
    context = info.context
    id_ = context.runtime.node_ids.seal(context.tenant.id, NodeKind.SSO_CONNECTION, root.id)
    return f"/auth/sso/{id_}/start"


def _callback_path(root: ConnectionRow, info: Info) -> str:
    return _start_path(root, info).removesuffix("start") + "callback"


def _backchannel_path(root: ConnectionRow, info: Info) -> str | None:
    if root.kind != SsoKind.OIDC:
        return None
    context = info.context
    id_ = context.runtime.node_ids.seal(context.tenant.id, NodeKind.SSO_CONNECTION, root.id)
    return f"/auth/oidc/{id_}/backchannel"


def _mappings(root: ConnectionRow, _info: Info) -> list[RoleMapping]:
    return mappings(root)


def _directory(root: ConnectionRow, _info: Info) -> ConnectionRow | None:
    return root if root.kind == SsoKind.LDAP else None


@graph_type
class SsoDirectory:
    """How a directory is asked. Who asks, and where, is the connection's `clientId` and `issuer`."""

    base_dn: str = leaf("Below which entry people are looked for.")
    login_attribute: str = leaf("The attribute that holds what they type as their name.")
    user_filter: str | None = leaf("What else must hold of who comes in; null for nothing.")
    start_tls: bool = leaf("Whether an `ldap://` is encrypted before anything is said.")
    ca_certificates: str | None = leaf(
        "Whose certificates are believed, in PEM; null for those that every browser believes."
    )


def _saml(root: ConnectionRow, _info: Info) -> ConnectionRow | None:
    return root if root.kind == SsoKind.SAML else None


def _saml_path(root: ConnectionRow, info: Info, end: str) -> str:
    context = info.context
    id_ = context.runtime.node_ids.seal(context.tenant.id, NodeKind.SSO_CONNECTION, root.id)
    return f"/auth/saml/{id_}/{end}"


def _metadata_path(root: ConnectionRow, info: Info) -> str:
    return _saml_path(root, info, "metadata")


def _acs_path(root: ConnectionRow, info: Info) -> str:
    return _saml_path(root, info, "acs")


def _theirs(root: ConnectionRow, _info: Info) -> list[Certificate]:
    return list(certificates(root.idp_certificates))


def _ours(root: ConnectionRow, _info: Info) -> Certificate | None:
    return next(iter(certificates(root.own_certificate)), None)


def _following(root: ConnectionRow, _info: Info) -> Certificate | None:
    return next(iter(certificates(root.next_certificate)), None)


@graph_type
class SsoCertificate:
    """A certificate by which a provider and the organization know each other's signatures."""

    subject: str = leaf("Whose it says it is.")
    fingerprint: str = leaf("The SHA-256 of it, in hexadecimal.")
    not_before: datetime = leaf("Before when it is not believed.")
    expires_at: datetime = leaf("After when it is not believed.")
    pem: str = leaf("The whole of it, in PEM.")


@graph_type
class SsoSaml:
    """What a provider that speaks SAML 2.0 is told, and what is known of it. Its entity id is `issuer`."""

    client_id: str = leaf("What the organization is called by the provider: its `clientId`.", name="entityId")
    metadata_path: str = field(
        _metadata_path, "Where at the organization's address the provider reads all of this: its SP metadata."
    )
    acs_path: str = field(
        _acs_path, "Where at the organization's address it has browsers post: the ACS URL, with the host."
    )
    sso_url: str = leaf("Where people are sent to sign in, by the binding HTTP-Redirect.")
    metadata_url: str | None = leaf(
        "Where the provider's metadata are, which `testSsoConnection` reads anew; null where they were given."
    )
    certificates: list[SsoCertificate] = field(
        _theirs, "Whose signatures are believed while they are valid: several while one follows another."
    )
    own_certificate: SsoCertificate | None = field(
        _ours, "What our requests are signed with, and assertions are encrypted for."
    )
    next_certificate: SsoCertificate | None = field(
        _following,
        "What follows it: our metadata show both, and assertions are read that are encrypted for either; "
        "null where nothing does.",
    )
    key_changes_at: datetime | None = leaf(
        "When our requests are signed with what follows; null where nothing does."
    )
    idp_initiated: bool = leaf(
        "Whether a sign-in may begin at the provider, where nobody can tell who began it.",
        name="allowIdpInitiated",
    )
    email_attribute: str | None = leaf(
        "The attribute that tells somebody's e-mail address; null for what most providers call it."
    )
    name_attribute: str | None = leaf(
        "The attribute that tells somebody's name; null for what most providers call it."
    )


@graph_type
class SsoRoleMapping:
    """What somebody is whom the provider names so."""

    value: str = leaf("What the provider says; small and capital letters are the same.")
    role: SsoRole = leaf("What they are here.")


@node_type(ConnectionRow, NodeKind.SSO_CONNECTION, SsoConnectionByIdLoader)
class SsoConnection(Node):
    """A provider that says who people are, by which they come in. Its secret is never shown."""

    kind: SsoKind = leaf("How it speaks.")
    name: str = leaf("What stands on its button at the organization's door.")
    state: SsoState = leaf("Whether people may, or must, come in by it.")
    issuer: str = leaf(
        "Who the provider is: its OpenID Connect issuer; of a directory its address; with SAML its entity id."
    )
    client_id: str = leaf(
        "Who the organization is to the provider; of a directory the name by which it asks; with SAML its "
        "entity id."
    )
    directory: SsoDirectory | None = field(_directory, "How a directory is asked; null of a provider.")
    saml: SsoSaml | None = field(_saml, "What SAML needs; null of what speaks otherwise.")
    email_attribute: str | None = leaf(
        "The claim of the ID token, or the attribute of an entry or assertion, that tells somebody's e-mail "
        "address; null for the usual one.",
        name="emailClaim",
    )
    name_attribute: str | None = leaf(
        "The claim or attribute that tells somebody's name; null for the usual one.", name="nameClaim"
    )
    role_claim: str | None = leaf(
        "The claim of the ID token, or the attribute of an entry or assertion, that names somebody's role or "
        "groups; null where none does."
    )
    role_mappings: list[SsoRoleMapping] = field(
        _mappings,
        "What that claim says for which role; empty where it says `manager`, `instructor` or `learner` "
        "itself.",
    )
    default_role: SsoRole = leaf("What somebody is to be when no role is named.")
    roles_at_sign_in: SsoRolesAtSignIn = leaf("When somebody becomes what is named: once, or each time.")
    email_domains: list[str] = leaf(
        "Whose people `POST /auth/discover` sends here: domains that the organization has proven to be its "
        "own."
    )
    start_path: str = field(_start_path, "Where at the organization's address a sign-in begins.")
    callback_path: str = field(
        _callback_path, "Where it ends: to be registered at the provider as the redirect URI, with the host."
    )
    backchannel_logout_path: str | None = field(
        _backchannel_path,
        "Where an OpenID Connect provider ends sessions: to be registered there as the back-channel logout "
        "URI, with the host; null of others.",
    )
    tested_at: datetime | None = leaf(
        "When the provider last answered as it should; null when it has not since the connection changed."
    )
    proven_at: datetime | None = leaf(
        "When somebody last came in by it, to the hour; null when nobody has since the connection changed."
    )
    created_at: datetime = leaf("When it was made.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


def _connection(root: AttemptRow, info: Info) -> Awaitable[ConnectionRow | None] | None:
    if root.connection_id is None:
        return None
    return info.context.loaders.of(SsoConnectionByIdLoader).want(root.connection_id)


def _user(root: AttemptRow, info: Info) -> Awaitable[UserRow | None] | None:
    if root.user_id is None:
        return None
    return info.context.loaders.of(UserByIdLoader).want(root.user_id)


def _updated_at(root: AttemptRow) -> datetime:
    return root.created_at


def _version() -> int:
    return 1


@node_type(AttemptRow, NodeKind.SSO_ATTEMPT, SsoAttemptByIdLoader)
class SsoAttempt(Node):
    """What came of somebody's coming in. It never changes, and is forgotten after 30 days."""

    outcome: SsoOutcome = leaf("What came of it.")
    detail: str = leaf("More about why, in English, without secrets; often empty.")
    connection: SsoConnection | None = field(_connection, "By which; null for a password.")
    user: later.User | None = field(
        _user, "Who it was; null for who did not come in, and where the caller may not see them."
    )
    created_at: datetime = leaf("When it was.")
    updated_at: datetime = field(_updated_at, "As `createdAt`: it never changes.")
    version: int = field(_version, "Always 1: it never changes.")


@graph_input
class SsoConnectionFilter:
    """Which providers; what is omitted leaves out none."""

    kind: SsoKind | None = value("Only providers that speak so.", default=None)
    state: SsoState | None = value("Only providers that stand so.", default=None)


@graph_input
class SsoConnectionOrderBy:
    """How providers are ordered."""

    field: SsoConnectionOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


ConnectionMatching = Annotated[
    SsoConnectionFilter | None,
    strawberry.argument(name="filter", description="Which providers; omit it for all."),
]
ConnectionOrdered = Annotated[
    SsoConnectionOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_CONNECTION_LISTED = Rules(sso.list_page, sso.count, SsoConnectionByIdLoader)


async def _connections(
    info: Info,
    first: First,
    after: After = None,
    matching: ConnectionMatching = None,
    order_by: ConnectionOrdered = None,
) -> Slice:
    given = matching or SsoConnectionFilter()
    return await paginate_by(
        _CONNECTION_LISTED,
        info.context,
        "ssoConnections",
        only={"kind": given.kind, "state": given.state},
        order=ordered(order_by),
        first=first,
        after=after,
    )


@graph_input
class SsoAttemptFilter:
    """Which attempts; what is omitted leaves out none."""

    outcome: SsoOutcome | None = value("Only attempts that ended so.", default=None)
    sso_connection_id: strawberry.ID | None = value("Only attempts by this provider.", default=None)
    user_id: strawberry.ID | None = value("Only attempts of this person.", default=None)


@graph_input
class SsoAttemptOrderBy:
    """How attempts are ordered."""

    field: SsoAttemptOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


AttemptMatching = Annotated[
    SsoAttemptFilter | None,
    strawberry.argument(name="filter", description="Which attempts; omit it for all."),
]
AttemptOrdered = Annotated[
    SsoAttemptOrderBy | None,
    strawberry.argument(description="Omit it for the newest first."),
]


_ATTEMPT_LISTED = Rules(sso.list_attempts, sso.count_attempts)


async def _attempts(
    info: Info,
    first: First,
    after: After = None,
    matching: AttemptMatching = None,
    order_by: AttemptOrdered = None,
) -> Slice:
    return await paginate_by(
        _ATTEMPT_LISTED,
        info.context,
        "ssoAttempts",
        only=_attempt_filter(info, matching or SsoAttemptFilter()),
        order=ordered(order_by, NEWEST_FIRST),
        first=first,
        after=after,
    )


def _attempt_filter(info: Info, given: SsoAttemptFilter) -> dict[str, str | UUID | None]:
    connection, user = given.sso_connection_id, given.user_id
    return {
        "outcome": given.outcome,
        "connection_id": None
        if connection is None
        else info.context.open_id(NodeKind.SSO_CONNECTION, connection, "filter.ssoConnectionId"),
        "user_id": None if user is None else info.context.open_id(NodeKind.USER, user, "filter.userId"),
    }


@strawberry.type
class SsoQuery:
    sso_connections: Connection[SsoConnection] | None = field(
        _connections,
        "The providers by which people come in, whatever their state. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    sso_attempts: Connection[SsoAttempt] | None = field(
        _attempts,
        "What came of attempts to come in by a provider, newest first. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
