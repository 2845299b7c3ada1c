from typing import Annotated

import msgspec
import strawberry
from msgspec import UNSET

from harka.graph.context import Info, RequestContext
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.sso_enums import SsoRole, SsoRolesAtSignIn
from harka.graph.types.sso import SsoConnection
from harka.ids import NodeKind
from harka.learning import sso, sso_saml
from harka.learning.sso_directory import DirectoryChanges, DirectoryDraft
from harka.learning.sso_draft import RoleMapping, SsoChanges, SsoDraft
from harka.learning.sso_saml import SamlChanges, SamlDraft
from harka.learning.work import unit_of_work
from harka.repositories.sso import SsoConnection as ConnectionRow
from harka.tenancy.permission import Permission


class Changed(msgspec.Struct, frozen=True):
    sso_connection: ConnectionRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_sso_connection_id: str


_ISSUER = (
    "Its OpenID Connect issuer, to the letter, as in `https://login.example.com/tenant`; the address of a "
    "directory, as in `ldaps://ldap.example.com`."
)
_CLIENT = "As the provider gave it; the distinguished name by which a directory is asked."
_SECRET = "As the provider gave it; the password of that name. Kept sealed, and never shown again."  # noqa: S105 - none
_ROLE_CLAIM = (
    "The claim that names somebody's role, or several; of an entry in a directory the attribute, mostly "
    "`memberOf`. Claims inside of others have a dot between: `realm_access.roles`. Nobody becomes an admin "
    "or owner by signing in."
)
_EMAIL_CLAIM = (
    "The claim, or the attribute of an entry, that tells somebody's e-mail address, where it is not the "
    "usual one: `email` as far as `email_verified` says so, `mail`. One that is named is believed without "
    "that, as in Entra `email` or `upn`: name none that people may write themselves. Of several it is the "
    "first."
)
_NAME_CLAIM = (
    "The claim, or the attribute of an entry, that tells somebody's name, where it is not the usual one: "
    "`name`, `displayName`, `cn`."
)
_BASE = "Below which entry people are looked for."
_LOGIN = "The attribute that holds what they type as their name: `uid`, `mail`, `sAMAccountName`."
_FILTER = "What else must hold of who comes in, as in `(objectClass=person)`."
_TLS = "Whether an `ldap://` is encrypted before anything is said; false is for development alone."
_CERTIFICATES = "Whose certificates are believed, in PEM, where not those that every browser believes."
_METADATA = (
    "The provider's metadata, as XML of at most 256 kB: its entity id, address and certificates. Or give "
    "them one by one: `issuer`, `ssoUrl`, `certificates`."
)
_METADATA_URL = "Where the metadata are: read now, and whenever the connection is tested."
_SSO_URL = "Where people are sent to sign in, by the binding HTTP-Redirect."
_BELIEVED = (
    "Whose signatures are believed, in PEM: at most 5, one after the other. While one follows another give "
    "both: as long as one of those before stays, people come in as before."
)
_IDP_INITIATED = (
    "Whether a sign-in may begin at the provider. Nobody can tell then in whose browser it began: leave it "
    "off unless people need it."
)
_EMAIL = "The attribute that tells somebody's e-mail address, where it is none of the usual ones."
_NAME = "The attribute that tells somebody's name, where it is none of the usual ones."
_MAPPINGS = (
    "What that claim says for which role: at most 50. Where there are none, it says `manager`, "
    "`instructor` or `learner` itself."
)
_ROLES_AT = (
    "When somebody becomes what is named. `EVERY`: whoever is named no more becomes what `defaultRole` says; "
    "owners, admins and who has a role of the organization's own stay what they are, and everybody does "
    "where the provider did not tell. Wants a `roleClaim`."
)
_DOMAINS = (
    "Whose people are sent here by their e-mail address: at most 20 domains, which the organization has "
    "proven to be its own."
)


@graph_input
class SsoRoleMappingInput:
    """What somebody is whom the provider names so."""

    role: SsoRole = value("What they are here.")
    value: str = value("What the provider says: 1 to 300 characters; small and capital letters are the same.")


@graph_input
class SsoDirectoryInput:
    """How a directory is asked."""

    base_dn: str = value(_BASE)
    login_attribute: str = value(_LOGIN, default="uid")
    user_filter: str | None = value(_FILTER, default=None)
    start_tls: bool = value(_TLS, default=True)
    ca_certificates: str | None = value(_CERTIFICATES, default=None)


@graph_input
class SsoDirectoryChangesInput:
    """What to change of how a directory is asked. What is omitted stays as it is."""

    base_dn: str | None = value(_BASE, default=strawberry.UNSET)
    login_attribute: str | None = value(_LOGIN, default=strawberry.UNSET)
    user_filter: str | None = value(f"{_FILTER} Null for nothing.", default=strawberry.UNSET)
    start_tls: bool | None = value(_TLS, default=strawberry.UNSET)
    ca_certificates: str | None = value(f"{_CERTIFICATES} Null for those.", default=strawberry.UNSET)


@graph_input
class SsoSamlInput:
    """Who a provider that speaks SAML 2.0 is, and what of its assertions is believed."""

    metadata: str | None = value(_METADATA, default=None)
    metadata_url: str | None = value(_METADATA_URL, default=None)
    sso_url: str | None = value(_SSO_URL, default=None)
    certificates: str | None = value(_BELIEVED, default=None)
    allow_idp_initiated: bool = value(_IDP_INITIATED, default=False)
    email_attribute: str | None = value(_EMAIL, default=None)
    name_attribute: str | None = value(_NAME, default=None)


@graph_input
class SsoSamlChangesInput:
    """What to change of how a provider speaks SAML. What is omitted stays as it is."""

    metadata: str | None = value(_METADATA, default=strawberry.UNSET)
    metadata_url: str | None = value(f"{_METADATA_URL} Null for none.", default=strawberry.UNSET)
    sso_url: str | None = value(_SSO_URL, default=strawberry.UNSET)
    certificates: str | None = value(_BELIEVED, default=strawberry.UNSET)
    allow_idp_initiated: bool | None = value(_IDP_INITIATED, default=strawberry.UNSET)
    email_attribute: str | None = value(f"{_EMAIL} Null for those.", default=strawberry.UNSET)
    name_attribute: str | None = value(f"{_NAME} Null for those.", default=strawberry.UNSET)
    new_key: bool = value(
        "Whether a new key pair of ours is made: the provider must then read our metadata again.",
        default=False,
    )


@graph_input
class CreateSsoConnectionInput(MutationInput):
    """Which provider, and who the organization is to it."""

    name: str = value("What stands on its button: 1 to 100 characters.")
    issuer: str | None = value(f"{_ISSUER} Omit it where SAML metadata tell it.", default=None)
    client_id: str | None = value(
        f"{_CLIENT} With SAML our entity id, where the provider knows one already.", default=None
    )
    client_secret: str | None = value(f"{_SECRET} Omit it with SAML.", default=None)
    email_claim: str | None = value(_EMAIL_CLAIM, default=None)
    name_claim: str | None = value(_NAME_CLAIM, default=None)
    role_claim: str | None = value(_ROLE_CLAIM, default=None)
    role_mappings: list[SsoRoleMappingInput] = value(_MAPPINGS, default_factory=list)
    default_role: SsoRole = value("What somebody is to be when no role is named.", default=SsoRole.LEARNER)
    roles_at_sign_in: SsoRolesAtSignIn = value(_ROLES_AT, default=SsoRolesAtSignIn.FIRST)
    email_domains: list[str] = value(_DOMAINS, default_factory=list)
    directory: SsoDirectoryInput | None = value(
        "Given for a directory (LDAP); omitted for a provider that speaks OpenID Connect.", default=None
    )
    saml: SsoSamlInput | None = value("Given for a provider that speaks SAML 2.0.", default=None)


@graph_input
class UpdateSsoConnectionInput(MutationInput):
    """What to change. Another issuer, client or secret makes it a draft again."""

    id: strawberry.ID = value("The connection.")
    version: int = value("The version that was read.")
    name: str | None = value("What stands on its button.", default=strawberry.UNSET)
    issuer: str | None = value(_ISSUER, default=strawberry.UNSET)
    client_id: str | None = value(_CLIENT, default=strawberry.UNSET)
    client_secret: str | None = value(_SECRET, default=strawberry.UNSET)
    email_claim: str | None = value(f"{_EMAIL_CLAIM} Null for that.", default=strawberry.UNSET)
    name_claim: str | None = value(f"{_NAME_CLAIM} Null for those.", default=strawberry.UNSET)
    role_claim: str | None = value(f"{_ROLE_CLAIM} Null for none.", default=strawberry.UNSET)
    role_mappings: list[SsoRoleMappingInput] | None = value(_MAPPINGS, default=strawberry.UNSET)
    default_role: SsoRole | None = value(
        "What somebody is to be when no role is named.", default=strawberry.UNSET
    )
    roles_at_sign_in: SsoRolesAtSignIn | None = value(_ROLES_AT, default=strawberry.UNSET)
    email_domains: list[str] | None = value(_DOMAINS, default=strawberry.UNSET)
    directory: SsoDirectoryChangesInput | None = value(
        "How the directory is asked, where it is one.", default=strawberry.UNSET
    )
    saml: SsoSamlChangesInput | None = value(
        "How the provider speaks SAML, where it does.", default=strawberry.UNSET
    )


@graph_input
class TestSsoConnectionInput(MutationInput):
    """Which connection to test."""

    id: strawberry.ID = value("The connection.")


@graph_input
class EnforceSsoInput(MutationInput):
    """By which connection people must come in."""

    id: strawberry.ID = value("The connection.")
    version: int | None = value(
        "The version that was read; omit it to enforce whatever there is.", default=None
    )


@graph_input
class DisableSsoInput(MutationInput):
    """By which connection nobody shall come in any more."""

    id: strawberry.ID = value("The connection.")
    version: int | None = value(
        "The version that was read; omit it to disable whatever there is.", default=None
    )


@graph_input
class DeleteSsoConnectionInput(MutationInput):
    """Which connection to take away."""

    sso_connection_id: strawberry.ID = value("The connection. While it is enforced the answer is CONFLICT.")
    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_type
class CreateSsoConnectionPayload(Payload):
    """The connection that was made."""

    sso_connection: SsoConnection | None = leaf("The new connection, a draft.")


@graph_type
class UpdateSsoConnectionPayload(Payload):
    """The connection that was changed."""

    sso_connection: SsoConnection | None = leaf("The connection as it is now.")


@graph_type
class TestSsoConnectionPayload(Payload):
    """The connection that works as far as can be told without a person."""

    sso_connection: SsoConnection | None = leaf("The connection as it is now.")


@graph_type
class EnforceSsoPayload(Payload):
    """The connection by which people must come in."""

    sso_connection: SsoConnection | None = leaf("The connection as it is now.")


@graph_type
class DisableSsoPayload(Payload):
    """The connection by which nobody comes in any more."""

    sso_connection: SsoConnection | None = leaf("The connection as it is now.")


@graph_type
class DeleteSsoConnectionPayload(Payload):
    """The connection that was taken away."""

    deleted_sso_connection_id: strawberry.ID | None = leaf("The id that names nothing any more.")


def _directory(given: SsoDirectoryInput) -> DirectoryDraft:
    return DirectoryDraft(
        base_dn=given.base_dn,
        login_attribute=given.login_attribute,
        user_filter=given.user_filter,
        start_tls=given.start_tls,
        ca_certificates=given.ca_certificates,
    )


def _directory_changes(given: SsoDirectoryChangesInput) -> DirectoryChanges:
    return DirectoryChanges(
        base_dn=required(given.base_dn, "baseDn"),
        login_attribute=required(given.login_attribute, "loginAttribute"),
        user_filter=optional(given.user_filter),
        start_tls=required(given.start_tls, "startTls"),
        ca_certificates=optional(given.ca_certificates),
    )


async def _saml(context: RequestContext, given: SsoSamlInput) -> SamlDraft:
    draft = SamlDraft(
        metadata=given.metadata,
        metadata_url=given.metadata_url,
        sso_url=given.sso_url,
        certificates=given.certificates,
        idp_initiated=given.allow_idp_initiated,
        email_attribute=given.email_attribute,
        name_attribute=given.name_attribute,
    )
    return await sso_saml.prepared(
        context.runtime.assertions,
        context.tenant.id,
        draft,
        private=context.runtime.settings.outbound_private,
    )


async def _saml_changes(context: RequestContext, given: SsoSamlChangesInput) -> SamlChanges:
    changes = SamlChanges(
        metadata=required(given.metadata, "metadata"),
        metadata_url=optional(given.metadata_url),
        sso_url=required(given.sso_url, "ssoUrl"),
        certificates=required(given.certificates, "certificates"),
        idp_initiated=required(given.allow_idp_initiated, "allowIdpInitiated"),
        email_attribute=optional(given.email_attribute),
        name_attribute=optional(given.name_attribute),
        new_key=given.new_key,
    )
    return await sso_saml.prepared(
        context.runtime.assertions,
        context.tenant.id,
        changes,
        private=context.runtime.settings.outbound_private,
    )


async def _create(
    info: Info,
    given: Annotated[CreateSsoConnectionInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    draft = SsoDraft(
        name=given.name,
        issuer=given.issuer,
        client_id=given.client_id,
        client_secret=given.client_secret,
        email_claim=given.email_claim,
        name_claim=given.name_claim,
        role_claim=given.role_claim,
        role_mappings=[RoleMapping(each.value, each.role) for each in given.role_mappings],
        default_role=given.default_role,
        roles_at_sign_in=given.roles_at_sign_in,
        email_domains=given.email_domains,
        directory=None if given.directory is None else _directory(given.directory),
        saml=None if given.saml is None else await _saml(info.context, given.saml),
    )
    return Changed(await sso.create(info.context.work, info.context.runtime.keyring, draft))


async def _update(
    info: Info,
    given: Annotated[UpdateSsoConnectionInput, strawberry.argument(name="input", description="What.")],
) -> Changed:
    context = info.context
    asked, spoken = required(given.directory, "directory"), required(given.saml, "saml")
    mapped = required(given.role_mappings, "roleMappings")
    changes = SsoChanges(
        name=required(given.name, "name"),
        issuer=required(given.issuer, "issuer"),
        client_id=required(given.client_id, "clientId"),
        client_secret=required(given.client_secret, "clientSecret"),
        email_claim=optional(given.email_claim),
        name_claim=optional(given.name_claim),
        role_claim=optional(given.role_claim),
        role_mappings=UNSET if mapped is UNSET else [RoleMapping(each.value, each.role) for each in mapped],
        default_role=required(given.default_role, "defaultRole"),
        roles_at_sign_in=required(given.roles_at_sign_in, "rolesAtSignIn"),
        email_domains=required(given.email_domains, "emailDomains"),
        directory=UNSET if asked is UNSET else _directory_changes(asked),
        saml=UNSET if spoken is UNSET else await _saml_changes(context, spoken),
    )
    id_ = context.open_id(NodeKind.SSO_CONNECTION, given.id, "id")
    return Changed(
        await sso.update(context.work, context.runtime.keyring, id_, changes, version=given.version)
    )


async def _test(
    info: Info,
    given: Annotated[TestSsoConnectionInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    context = info.context
    runtime = context.runtime
    id_ = context.open_id(NodeKind.SSO_CONNECTION, given.id, "id")
    # a unit of its own: no transaction waits for somebody else's server
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        context.tenant,
        read_only=True,
        outside=runtime.outside,
    ) as work:
        found, asked = await sso.to_test(work, runtime.keyring, id_)
    told = await sso.probe(
        runtime.providers,
        runtime.directories,
        runtime.assertions,
        found,
        asked,
        private=runtime.settings.outbound_private,
    )
    return Changed(await sso.tested(context.work, found, told))


async def _enforce(
    info: Info,
    given: Annotated[EnforceSsoInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    id_ = info.context.open_id(NodeKind.SSO_CONNECTION, given.id, "id")
    return Changed(await sso.enforce(info.context.work, id_, version=given.version))


async def _disable(
    info: Info,
    given: Annotated[DisableSsoInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    id_ = info.context.open_id(NodeKind.SSO_CONNECTION, given.id, "id")
    return Changed(await sso.disable(info.context.work, id_, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteSsoConnectionInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.SSO_CONNECTION, given.sso_connection_id, "ssoConnectionId")
    await sso.delete(info.context.work, id_, version=given.version)
    return Deleted(given.sso_connection_id)


@strawberry.type
class SsoMutation:
    create_sso_connection: CreateSsoConnectionPayload | None = mutation(
        _create,
        "Add a provider by which people come in; nobody does before it is tested. Needs the feature `sso`, "
        "and that the caller could give each role that somebody may get by it.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    update_sso_connection: UpdateSsoConnectionPayload | None = mutation(
        _update,
        "Change a connection. Needs the feature `sso`, and for roles, or another provider, that the caller "
        "could give each role that somebody may get by it. Who is believed changes only who may do all that "
        "everybody may who comes in by it.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    test_sso_connection: TestSsoConnectionPayload | None = mutation(
        _test,
        "Ask the provider whether it is who it should be and can do what is needed. When it is, people may "
        "come in by it from now on.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    enforce_sso: EnforceSsoPayload | None = mutation(
        _enforce,
        "Forbid passwords, except to owners with a second factor. Somebody must have come in by the "
        "connection since it last changed, and two such owners are needed.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    disable_sso: DisableSsoPayload | None = mutation(
        _disable,
        "Let nobody in by a connection any more. Where no other one is enforced, passwords are accepted "
        "again.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    delete_sso_connection: DeleteSsoConnectionPayload | None = mutation(
        _delete,
        "Take a connection away that is not enforced, with its secret and whom its provider meant. Sessions "
        "that began by it end, and people stay. Where a provider is only away, `disableSso` keeps all of it.",
        requires=Permission.ORGANIZATION_WRITE,
    )
