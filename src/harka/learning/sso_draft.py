"""What may be said of a connection, and whom those become who come in by it."""

import enum
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from harka.auth.ldap import accept_attribute, accept_dn
from harka.auth.permissions import Role
from harka.errors import ValidationError
from harka.learning import sso_directory, sso_saml
from harka.learning.sso_directory import DirectoryChanges, DirectoryDraft
from harka.learning.sso_saml import SamlChanges, SamlDraft
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.outbound import accept_url
from harka.repositories import domain as domains
from harka.repositories.sso import SsoConnection, SsoKind, SsoRolesAtSignIn
from harka.tenancy.domain_name import accept_domain

MOST_MAPPINGS: Final = 50
MOST_DOMAINS: Final = 20
_CLAIMED: Final = (("email_claim", "email_attribute"), ("name_claim", "name_attribute"))
_LINES: Final = (
    ("issuer", "issuer", 500),
    ("client_id", "clientId", 200),
    ("email_attribute", "emailClaim", sso_saml.LONGEST_ATTRIBUTE),
    ("name_attribute", "nameClaim", sso_saml.LONGEST_ATTRIBUTE),
    ("role_claim", "roleClaim", 100),
)
"""Column, field, and how long it may be."""


class SsoRole(enum.StrEnum):
    """What somebody may become by signing in."""

    LEARNER = Role.LEARNER.value
    INSTRUCTOR = Role.INSTRUCTOR.value
    MANAGER = Role.MANAGER.value


class RoleMapping(msgspec.Struct, frozen=True):
    """Who is named `value` by the provider begins as `role`, an `SsoRole`; case does not matter."""

    value: str
    role: str


class SsoDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`issuer`: None where metadata tell it; `client_id`, `client_secret`: None for SAML.

    `email_claim`, `name_claim`: None for the usual ones.
    """

    name: str
    issuer: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    email_claim: str | None = None
    name_claim: str | None = None
    role_claim: str | None = None
    role_mappings: Sequence[RoleMapping] = ()
    default_role: str = SsoRole.LEARNER
    roles_at_sign_in: str = SsoRolesAtSignIn.FIRST
    email_domains: Sequence[str] = ()
    directory: DirectoryDraft | None = None
    """Given: `issuer` is an address, `client_id` the name that asks, claims are attributes."""
    saml: SamlDraft | None = None
    """Given: `issuer` and `client_id` are entity ids, the provider's and ours, claims are attributes."""

    def __repr__(self) -> str:
        return f"SsoDraft({self.issuer!r})"


class SsoChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is; a claim of None takes it away."""

    name: str | UnsetType = UNSET
    issuer: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET
    email_claim: str | UnsetType | None = UNSET
    name_claim: str | UnsetType | None = UNSET
    role_claim: str | UnsetType | None = UNSET
    role_mappings: Sequence[RoleMapping] | UnsetType = UNSET
    default_role: str | UnsetType = UNSET
    roles_at_sign_in: str | UnsetType = UNSET
    email_domains: Sequence[str] | UnsetType = UNSET
    directory: DirectoryChanges | UnsetType = UNSET
    saml: SamlChanges | UnsetType = UNSET

    def __repr__(self) -> str:
        return "SsoChanges(…)"


async def accepted(work: UnitOfWork, kind: str, given: SsoDraft | SsoChanges) -> dict[str, Any]:
    """The columns of what is given, and `client_secret`. Raise `ValidationError` naming the field."""
    values = {name: each for name in given.__struct_fields__ if (each := getattr(given, name)) is not UNSET}
    for claim, attribute in _CLAIMED:
        if claim in values:
            values[attribute] = values.pop(claim)
    values |= _spoken(work, SsoKind(kind), values, is_new=isinstance(given, SsoDraft))
    if "name" in values:
        values["name"] = accept_line(values["name"], "name", longest=100)
    if "client_secret" in values and kind != SsoKind.SAML:
        values["client_secret"] = accept_line(values["client_secret"], "clientSecret", longest=500)
    if "role_mappings" in values:
        values["role_mapping"] = _accept_mappings(values.pop("role_mappings"))
    for name in ("default_role", "roles_at_sign_in"):
        if name in values:
            values[name] = str(values[name])
    if "email_domains" in values:
        values["email_domains"] = await _accept_domains(work, values["email_domains"])
    return values


def require_role_claim(connection: SsoConnection) -> None:
    """Raise `ValidationError` where everybody would lose their role as nothing names one."""
    if connection.roles_at_sign_in == SsoRolesAtSignIn.EVERY and connection.role_claim is None:
        raise ValidationError("Say by `roleClaim` first what names somebody's role.", field="rolesAtSignIn")


def _provider(given: dict[str, Any], *, private: bool) -> dict[str, Any]:
    values = _lines(given)
    if "issuer" in values:
        accept_url(values["issuer"], "issuer", private=private)
    return values


def _directory(given: dict[str, Any], *, private: bool) -> dict[str, Any]:
    values = _lines(given)
    if "issuer" in values:
        values["issuer"] = sso_directory.accept_address(values["issuer"], "issuer", private=private)
    if "client_id" in values:
        accept_dn(values["client_id"], "clientId")
    for name, field, _ in _LINES:
        if name in values and field.endswith("Claim"):
            accept_attribute(values[name], field)
    return values


def _spoken(work: UnitOfWork, kind: SsoKind, values: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    """What depends on how it speaks."""
    private = work.outside.private_addresses
    directory, saml = values.pop("directory", None), values.pop("saml", None)
    if directory is not None and kind != SsoKind.LDAP:
        raise ValidationError("This connection is no directory.", field="directory")
    if saml is not None and kind != SsoKind.SAML:
        raise ValidationError("This connection does not speak SAML.", field="saml")
    if kind == SsoKind.SAML:
        return _of_saml(work, values, saml, is_new=is_new)
    if is_new:
        _require_client(values)
    if kind == SsoKind.OIDC:
        return _provider(values, private=private)
    told = {} if directory is None else sso_directory.accepted(directory, private=private)
    return _directory(values, private=private) | told


def _of_saml(
    work: UnitOfWork, values: dict[str, Any], saml: SamlDraft | SamlChanges | None, *, is_new: bool
) -> dict[str, Any]:
    if values.pop("client_secret", None) is not None:
        raise ValidationError("A provider that speaks SAML has no secret.", field="clientSecret")
    found = _lines(values)
    if saml is not None:
        spoken = sso_saml.accepted(saml, found.get("issuer"), private=work.outside.private_addresses)
        for attribute, field in (("email_attribute", "emailClaim"), ("name_attribute", "nameClaim")):
            if found.get(attribute) is None:
                continue
            if spoken.pop(attribute, None) is not None:
                raise ValidationError("It is said in `saml`, too.", field=field)
        found |= spoken
    if is_new and "client_id" not in found:
        found["client_id"] = sso_saml.new_entity_id(work.context.organization.slug)
    return found


def _require_client(values: dict[str, Any]) -> None:
    for name, field in (("issuer", "issuer"), ("client_id", "clientId"), ("client_secret", "clientSecret")):
        if values.get(name) is None:
            raise ValidationError("This is needed.", field=field)


def _lines(given: dict[str, Any]) -> dict[str, str]:
    """Of who is asked, as whom, and what is believed, what is given; not what is taken away."""
    return {
        name: accept_line(given[name], field, longest=longest)
        for name, field, longest in _LINES
        if given.get(name) is not None
    }


def _accept_mappings(given: Sequence[RoleMapping]) -> list[str]:
    if len(given) > MOST_MAPPINGS:
        raise ValidationError(f"At most {MOST_MAPPINGS}.", field="roleMappings")
    values = [accept_line(each.value, "roleMappings", longest=300) for each in given]
    if len({value.lower() for value in values}) < len(values):
        raise ValidationError("Each value once.", field="roleMappings")
    return [f"{each.role}:{value}" for each, value in zip(given, values, strict=True)]


async def _accept_domains(work: UnitOfWork, given: Sequence[str]) -> list[str]:
    """Those that the organization has proven to be its own: nobody else's people are drawn to it."""
    if len(given) > MOST_DOMAINS:
        raise ValidationError(f"At most {MOST_DOMAINS}.", field="emailDomains")
    platform = work.outside.platform_domain
    names = sorted({accept_domain(each, platform, field="emailDomains") for each in given})
    proven = await domains.list_proven(work.outside.catalog, work.context.id, names) if names else []
    for name in names:
        if name not in proven:
            raise ValidationError(
                f"Prove first that {name} is yours: addDomain, verifyDomain.", field="emailDomains"
            )
    return names


def mappings(connection: SsoConnection) -> list[RoleMapping]:
    """What of `role_mapping` stands for what."""
    parted = (each.partition(":") for each in connection.role_mapping)
    return [RoleMapping(value, role) for role, _, value in parted]


def role_of(connection: SsoConnection, named: Sequence[str]) -> str:
    """What somebody is to be: the role that allows most of those that the provider names, and may name.

    `named`: lower case.
    """
    meant = {each.value.lower(): each.role for each in mappings(connection)} or {
        role: role for role in SsoRole
    }
    roles = {meant[name] for name in named if name in meant}
    for role in (SsoRole.MANAGER, SsoRole.INSTRUCTOR, SsoRole.LEARNER):
        if role in roles:
            return str(role)
    return connection.default_role
