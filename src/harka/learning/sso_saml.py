"""A provider that speaks SAML 2.0 as a connection: what may be said of one, and how it is asked."""

import secrets
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.auth.saml import Assertions, Peer
from harka.auth.saml_metadata import (
    LONGEST_CERTIFICATES,
    LONGEST_METADATA,
    KeyPair,
    accept_certificates,
    certificates_of,
    describe,
    ends_at,
)
from harka.errors import UnavailableError, ValidationError
from harka.learning.text import accept_line
from harka.outbound import accept_url, fetch
from harka.repositories.sso import SsoConnection

LONGEST_ATTRIBUTE: Final = 200
_NAMED: Final = ("metadata_url", "idp_initiated", "email_attribute", "name_attribute")
_OK: Final = 200
_METADATA_PATIENCE: Final = 5.0


class SamlDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Who the provider is: by its metadata, or where they are, or by its address and certificates.

    `pair`: ours, made by `prepared`.
    """

    metadata: str | None = None
    metadata_url: str | None = None
    sso_url: str | None = None
    certificates: str | None = None
    idp_initiated: bool = False
    email_attribute: str | None = None
    name_attribute: str | None = None
    new_key: bool = True
    pair: KeyPair | None = None

    def __repr__(self) -> str:
        return "SamlDraft(…)"


class SamlChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is; None takes it away. `new_key`: another pair of ours, from now on."""

    metadata: str | UnsetType = UNSET
    metadata_url: str | UnsetType | None = UNSET
    sso_url: str | UnsetType = UNSET
    certificates: str | UnsetType = UNSET
    idp_initiated: bool | UnsetType = UNSET
    email_attribute: str | UnsetType | None = UNSET
    name_attribute: str | UnsetType | None = UNSET
    new_key: bool = False
    pair: KeyPair | None = None

    def __repr__(self) -> str:
        return "SamlChanges(…)"


Saml = TypeVar("Saml", SamlDraft, SamlChanges)
NO_SAML: Final[dict[str, Any]] = {
    "sso_url": None,
    "metadata_url": None,
    "idp_certificates": None,
    "own_certificate": None,
    "next_certificate": None,
    "key_changes_at": None,
    "idp_initiated": False,
    "email_attribute": None,
    "name_attribute": None,
    "certificates_end_at": None,
}


async def prepared(assertions: Assertions, tenant: UUID, given: Saml, *, private: bool) -> Saml:
    """With the metadata that its address leads to, and a key pair of ours where one is to be made.

    No transaction should wait for it. Raise `ValidationError`, `UnavailableError` without `xmlsec1`.
    """
    await assertions.require_program(tenant)
    if isinstance(given.metadata_url, str):
        if isinstance(given.metadata, str):
            raise ValidationError("Give the metadata, or where they are.", field="metadataUrl")
        accept_url(given.metadata_url, "metadataUrl", private=private)
        read = await read_metadata(given.metadata_url, private=private)
        given = msgspec.structs.replace(given, metadata=read)
    if given.new_key:
        given = msgspec.structs.replace(given, pair=await assertions.new_key_pair(tenant, "HARKA"))
    return given


async def read_metadata(url: str, *, private: bool) -> str:
    """What is there now. Raise `ValidationError`."""
    try:
        answer = await fetch(
            url,
            private=private,
            headers={"accept": "application/samlmetadata+xml, application/xml, text/xml"},
            patience=_METADATA_PATIENCE,
            most=LONGEST_METADATA,
        )
    except UnavailableError as error:
        raise ValidationError(error.message, field="metadataUrl") from error
    if answer.status != _OK:
        raise ValidationError(f"There are no metadata at the address ({answer.status}).", field="metadataUrl")
    # what is no UTF-8 is no XML of ours either
    return answer.body.decode("utf-8", "replace")


def accepted(given: SamlDraft | SamlChanges, issuer: str | None, *, private: bool) -> dict[str, Any]:
    """The columns of what is given, `issuer` among them, and `client_secret` with a new pair.

    `issuer`: as it was given beside; None where it was not. Raise `ValidationError`.
    """
    values: dict[str, Any] = {"issuer": issuer} if issuer is not None else {}
    if isinstance(given.metadata, str):
        values |= described(given.metadata, issuer, private=private)
    if isinstance(given.sso_url, str):
        values["sso_url"] = accept_url(given.sso_url, "ssoUrl", private=private)
    if isinstance(given.certificates, str):
        if len(given.certificates) > LONGEST_CERTIFICATES:
            raise ValidationError("That is too long.", field="certificates")
        values["idp_certificates"] = accept_certificates(given.certificates, "certificates")
    named = {name: each for name in _NAMED if (each := getattr(given, name)) is not UNSET}
    for name, field in (("email_attribute", "emailAttribute"), ("name_attribute", "nameAttribute")):
        if isinstance(named.get(name), str):
            named[name] = accept_line(named[name], field, longest=LONGEST_ATTRIBUTE)
    values |= named
    if given.pair is not None:
        values |= {"own_certificate": given.pair.certificate, "client_secret": given.pair.private_key}
    if isinstance(given, SamlDraft):
        _require_whole(values)
    return values


def _require_whole(values: dict[str, Any]) -> None:
    for name, field in (("issuer", "issuer"), ("sso_url", "ssoUrl"), ("idp_certificates", "certificates")):
        if not values.get(name):
            raise ValidationError("Give the provider's metadata, or this.", field=field)
    if "own_certificate" not in values:
        raise ValidationError("A key pair of ours is missing.", field="saml")


def described(metadata: str, issuer: str | None, *, private: bool) -> dict[str, Any]:
    """What metadata say, as columns. `issuer`: whose they must be, None for anybody's.

    Raise `ValidationError`.
    """
    if len(metadata) > LONGEST_METADATA:
        raise ValidationError("They are too long.", field="metadata")
    found = describe(metadata.encode("utf-8", "replace"), "metadata")
    name = accept_line(found.issuer, "metadata", longest=500)
    if issuer is not None and name != issuer:
        raise ValidationError("The metadata are another issuer's.", field="metadata")
    url = accept_url(found.sso_url, "metadata", private=private)
    return {"issuer": name, "sso_url": url, "idp_certificates": found.certificates}


def with_end(connection: SsoConnection) -> SsoConnection:
    """As it is to be stored: when one of the sides has no certificate any more that holds.

    Of a directory, when none of those does by which its own is believed.
    """
    sides = (connection.idp_certificates, own_certificates(connection), connection.ca_certificates)
    ends = [ends_at(certificates_of(each)) for each in sides if each is not None]
    return msgspec.structs.replace(connection, certificates_end_at=min(ends, default=None))


def keeps_certificate(before: SsoConnection, after: SsoConnection) -> bool:
    """Whether one of the provider's is still believed: so the next one is added while people come in."""
    if before.idp_certificates is None or before.idp_certificates == after.idp_certificates:
        return True
    known = set(certificates_of(before.idp_certificates))
    return not known.isdisjoint(certificates_of(after.idp_certificates or ""))


def new_entity_id(slug: str) -> str:
    """What we are called by one provider: the same for ever, at whatever address the organization answers."""
    return f"urn:harka:{slug}:{secrets.token_hex(6)}"


def has_changed(connection: SsoConnection) -> bool:
    """Whether the pair that follows signs by now."""
    return connection.key_changes_at is not None and connection.key_changes_at <= clock.now()


def own_certificates(connection: SsoConnection) -> str | None:
    """Ours: the one that signs now, and the one that follows or was before."""
    own = connection.own_certificate, connection.next_certificate
    told = "".join(each for each in (reversed(own) if has_changed(connection) else own) if each is not None)
    return told or None


def peer_of(tenant: UUID, connection: SsoConnection, key: str, next_key: str | None = None) -> Peer:
    """How a connection of kind SAML asks. `next_key`: of the pair that follows, where one does."""
    keys = [each for each in (key, next_key) if each is not None]
    if has_changed(connection):
        keys.reverse()
    return Peer(
        tenant=tenant,
        issuer=connection.issuer,
        sso_url=connection.sso_url or "",
        certificates=connection.idp_certificates or "",
        entity_id=connection.client_id,
        private_key=keys[0],
        other_keys=keys[1:],
        own_certificate=connection.own_certificate or "",
        idp_initiated=connection.idp_initiated,
        email_attribute=connection.email_attribute,
        name_attribute=connection.name_attribute,
        role_attribute=connection.role_claim,
    )


async def probe(
    assertions: Assertions, peer: Peer, metadata_url: str | None, *, private: bool
) -> dict[str, Any]:
    """What has changed in the metadata, as columns. Raise `ValidationError`, `UnavailableError`."""
    await assertions.require_program(peer.tenant)
    changed = {}
    if metadata_url is not None:
        read = await read_metadata(metadata_url, private=private)
        changed = described(read, peer.issuer, private=private)
    accept_certificates(changed.get("idp_certificates", peer.certificates), "id")
    return changed
