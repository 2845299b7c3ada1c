"""A directory (LDAP) as a connection: what may be said of one, and how it is asked."""

from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.auth.ldap import PORTS, Place, accept_attribute, accept_certificates, accept_dn, accept_filter
from harka.errors import ValidationError
from harka.learning.text import accept_line
from harka.repositories.sso import SsoConnection

_PUBLIC_PORTS: Final = frozenset({389, 636, 3268, 3269})
"""Of directories: nobody else's server is spoken to."""


class DirectoryDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Like `Place`."""

    base_dn: str
    login_attribute: str = "uid"
    user_filter: str | None = None
    start_tls: bool = True
    ca_certificates: str | None = None


class DirectoryChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is; None takes it away."""

    base_dn: str | UnsetType = UNSET
    login_attribute: str | UnsetType = UNSET
    user_filter: str | UnsetType | None = UNSET
    start_tls: bool | UnsetType = UNSET
    ca_certificates: str | UnsetType | None = UNSET


NO_DIRECTORY: Final[dict[str, Any]] = {
    "base_dn": None,
    "login_attribute": None,
    "user_filter": None,
    "start_tls": True,
    "ca_certificates": None,
}


def accepted(given: DirectoryDraft | DirectoryChanges, *, private: bool) -> dict[str, Any]:
    """The columns of what is given. `private`: also without encryption. Raise `ValidationError`."""
    values = {name: each for name, each in msgspec.structs.asdict(given).items() if each is not UNSET}
    if "base_dn" in values:
        values["base_dn"] = accept_dn(accept_line(values["base_dn"], "baseDn", longest=500), "baseDn")
    if "login_attribute" in values:
        values["login_attribute"] = accept_attribute(values["login_attribute"], "loginAttribute")
    if values.get("user_filter") is not None:
        line = accept_line(values["user_filter"], "userFilter", longest=1000)
        values["user_filter"] = accept_filter(line, "userFilter")
    if values.get("start_tls") is False and not private:
        raise ValidationError("Nobody's password is sent without encryption.", field="startTls")
    if values.get("ca_certificates") is not None:
        values["ca_certificates"] = accept_certificates(values["ca_certificates"], "caCertificates")
    return values


def accept_address(url: str, field: str, *, private: bool) -> str:
    """`ldaps://` or `ldap://`, a host, perhaps a port. Raise `ValidationError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = parts.scheme in PORTS and bool(parts.hostname) and parts.netloc.isascii()
    if not plain or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValidationError("Give an address like ldaps://ldap.example.com.", field=field)
    if not private and port is not None and port not in _PUBLIC_PORTS:
        raise ValidationError("A directory answers at port 389, 636, 3268 or 3269.", field=field)
    return url.rstrip("/")


def place_of(tenant: UUID, connection: SsoConnection, secret: str, *, private: bool) -> Place:
    """How a connection of kind LDAP asks."""
    return Place(
        tenant=tenant,
        url=connection.issuer,
        start_tls=connection.start_tls,
        bind_dn=connection.client_id,
        bind_password=secret,
        base_dn=connection.base_dn or "",
        login_attribute=connection.login_attribute or "",
        user_filter=connection.user_filter,
        email_attribute=connection.email_attribute,
        name_attribute=connection.name_attribute,
        group_attribute=connection.role_claim,
        ca_certificates=connection.ca_certificates,
        private=private,
    )
