"""SAML 2.0, as the one who relies on it: what is asked of a provider, and whom its answer means.

An answer is read once to see that it has the only form we know, its signatures are verified, and what it
says is taken from the bytes that were signed, never from what was sent (`xmlsec`).
"""

import asyncio
import contextlib
import secrets
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harka import clock
from harka.auth.fair_threads import FairThreads
from harka.auth.oidc import Identity
from harka.auth.saml_assertion import Statement, Wanted, accept_assertion, accept_response
from harka.auth.saml_decryption import decrypted
from harka.auth.saml_metadata import KeyPair, certificates_of, new_key_pair, private_key
from harka.auth.saml_xml import (
    ASSERTION,
    PROTOCOL,
    Document,
    Element,
    RefusedXmlError,
    Signed,
    base64_of,
    read,
    require_signatures,
    require_unique_ids,
)
from harka.auth.xmlsec import Xmlsec
from harka.errors import SsoRefusedError, UnavailableError

PATIENCE: Final = 8.0
"""Seconds for an answer, waiting for a thread included."""
WORKERS: Final = 4
MOST_OF_A_TENANT: Final = 2
LONGEST_RESPONSE: Final = 360_000
"""Characters of base64: 256 kB, broken into lines."""
_SHARE: Final = 16
_OLDEST_REQUEST: Final = 600
_RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection asks, and whom it believes.

    `issuer`: what the provider calls itself; `entity_id`: what we do. `certificates`, `own_certificate`: PEM.
    `private_key` signs; what was encrypted for it, or for one of `other_keys`, is read.
    `email_attribute`, `name_attribute`: None for what most providers call them.
    """

    tenant: UUID
    issuer: str
    sso_url: str
    certificates: str
    entity_id: str
    private_key: str
    other_keys: Sequence[str] = ()
    own_certificate: str
    idp_initiated: bool
    email_attribute: str | None
    name_attribute: str | None
    role_attribute: str | None

    def __repr__(self) -> str:
        return f"Peer({self.issuer})"


class Request(msgspec.Struct, frozen=True):
    """What a browser carries, sealed, from beginning to end of a sign-in. `began_at`: Unix seconds."""

    connection: UUID
    version: int
    id: str
    next: str
    began_at: int

    def __repr__(self) -> str:
        return "Request(…)"


class Answer(msgspec.Struct, frozen=True):
    """`in_response_to`: the id of a request; None for an answer that nobody asked for.

    `id`: of the assertion, which is to be used once; `until`: Unix seconds after which it is refused anyway.
    """

    identity: Identity
    in_response_to: str | None
    id: str
    until: float


class Assertions:
    """Verifies, in a few threads of which no tenant has more than two; `close` when the process ends."""

    def __init__(self, program: Path) -> None:
        self._xmlsec = Xmlsec(program)
        self._threads = FairThreads("saml", WORKERS, most=MOST_OF_A_TENANT, share=_SHARE)

    def close(self) -> None:
        self._threads.close()

    async def require_program(self, tenant: UUID) -> None:
        """Raise `UnavailableError` without `xmlsec1`."""
        await self._threads.run(tenant, self._xmlsec.version)

    async def new_key_pair(self, tenant: UUID, name: str) -> KeyPair:
        return await self._threads.run(tenant, partial(new_key_pair, name))

    async def answer(self, peer: Peer, response: str, acs: str) -> Answer:
        """Whom a response means. `response`: as the browser sent it; `acs`: where it did.

        Raise `SsoRefusedError` for whatever is wrong, `UnavailableError`, `RateLimitedError`.
        """
        if len(response) > LONGEST_RESPONSE:
            raise SsoRefusedError("token_refused", "The response is too long.")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._threads.run(peer.tenant, partial(self._answer, peer, response, acs))
        except TimeoutError as error:
            raise UnavailableError("The response could not be verified in time.") from error

    def _answer(self, peer: Peer, response: str, acs: str) -> Answer:
        """In a thread."""
        wanted = Wanted(peer.issuer, peer.entity_id, acs)
        try:
            sent = read(base64_of(response))
            said = accept_response(sent.root, wanted)
            return _told(peer, accept_assertion(self._assertion(peer, sent), wanted), said.in_response_to)
        except RefusedXmlError as error:
            raise SsoRefusedError("token_refused", str(error)) from None

    def _assertion(self, peer: Peer, sent: Document) -> Element:
        """The one assertion, as it was signed. Raise `RefusedXmlError`, `UnavailableError`."""
        whole = sent.root
        inside = _inside(whole)
        # of what is encrypted nobody knows yet what is signed: a signature beside it would prove nothing
        is_plain = inside.tag == f"{ASSERTION}Assertion"
        by_parent = {each.tag: each for each in _signatures(whole, [whole, inside] if is_plain else [whole])}
        is_verified = whole.tag in by_parent
        if is_verified:
            # from here on what was signed, not what was sent
            whole = read(self._verified(peer, sent, by_parent[whole.tag])).root
            inside = _inside(whole)
        if inside.tag == f"{ASSERTION}EncryptedAssertion":
            document = read(_decrypted(peer, inside))
            _require_assertion(document.root)
            for each in _signatures(document.root, [document.root]):
                return read(self._verified(peer, document, each)).root
            inside = document.root
        elif inside.tag in by_parent:
            return read(self._verified(peer, sent, by_parent[inside.tag])).root
        if not is_verified:
            raise RefusedXmlError("Neither the response nor the assertion is signed.")
        return inside

    def _verified(self, peer: Peer, document: Document, signed: Signed) -> bytes:
        """What was signed by a certificate of the connection. Raise `RefusedXmlError`, `UnavailableError`."""
        now, known = clock.now(), certificates_of(peer.certificates)
        usable = [each for each in known if each.not_valid_before_utc <= now <= each.not_valid_after_utc]
        if not usable:
            raise RefusedXmlError("Every certificate of the connection has expired, or is not valid yet.")
        # the one that it brings along, if it is ours, is the most likely
        usable.sort(key=lambda each: _shown(each) not in document.content)
        for certificate in usable:
            content = self._xmlsec.verified(document.content, signed, certificate)
            if content is not None:
                return content
        raise RefusedXmlError(
            "A signature is not by a certificate of the connection, or what it signs was changed."
        )


def _decrypted(peer: Peer, inside: Element) -> bytes:
    """By whichever key of ours it was encrypted for. Raise `RefusedXmlError`."""
    for key in peer.other_keys:
        # a wrong one is found out by the padding of OAEP
        with contextlib.suppress(RefusedXmlError):
            return decrypted(inside, private_key(key))
    return decrypted(inside, private_key(peer.private_key))


def _inside(response: Element) -> Element:
    """The one assertion, perhaps encrypted, and nothing else that could be taken for it."""
    names = (f"{ASSERTION}Assertion", f"{ASSERTION}EncryptedAssertion")
    found = [each for each in response.iter() if each.tag in names]
    if len(found) != 1 or found[0] not in list(response):
        raise RefusedXmlError(f"There are {len(found)} assertions in it, or not where one belongs.")
    if sum(1 for _ in response.iter(f"{PROTOCOL}Response")) != 1:
        raise RefusedXmlError("There is a response in the response.")
    return found[0]


def _require_assertion(root: Element) -> None:
    """What was decrypted is one, and holds no other."""
    if root.tag != f"{ASSERTION}Assertion" or sum(1 for _ in root.iter(root.tag)) != 1:
        raise RefusedXmlError("What is encrypted is not one assertion.")
    if next(root.iter(f"{ASSERTION}EncryptedAssertion"), None) is not None:
        raise RefusedXmlError("What is encrypted holds something encrypted.")


def _signatures(root: Element, parents: Sequence[Element]) -> Sequence[Signed]:
    require_unique_ids(root)
    return require_signatures(root, list(parents))


def _shown(certificate: x509.Certificate) -> bytes:
    """The beginning of it, its number included, as documents show it: before a line may break."""
    return b64encode(certificate.public_bytes(serialization.Encoding.DER))[:60]


def _told(peer: Peer, said: Statement, answered: str | None) -> Answer:
    if answered is not None and said.in_response_to is not None and answered != said.in_response_to:
        raise RefusedXmlError("The response and its assertion answer different requests.")
    # what a response says that was not signed only refuses
    if answered is not None and said.in_response_to is None:
        raise RefusedXmlError("The assertion does not say which request it answers.")
    if said.in_response_to is None and not peer.idp_initiated:
        raise SsoRefusedError(
            "wrong_state", "Nobody asked for it: the connection allows no sign-in begun there."
        )
    emails = _values(said.attributes, peer.email_attribute, _EMAILS)
    email = (
        emails[0] if emails else (said.subject if said.is_email and peer.email_attribute is None else None)
    )
    names = _values(said.attributes, peer.name_attribute, _NAMES)
    if not names and peer.name_attribute is None:
        parts = [_values(said.attributes, None, each)[:1] for each in (_GIVEN, _FAMILY)]
        names = [" ".join(part[0] for part in parts if part)] if any(parts) else []
    roles = said.attributes.get(peer.role_attribute.lower(), ()) if peer.role_attribute else ()
    is_left_out = bool(peer.role_attribute) and not roles and _GROUPS_ELSEWHERE in said.attributes
    identity = Identity(
        peer.issuer,
        said.subject,
        email,
        names[0] if names else None,
        None if is_left_out else [each.lower() for each in roles],
        untold="The provider names more groups than its assertion holds." if is_left_out else "",
    )
    return Answer(identity, said.in_response_to, said.id, said.until)


def _values(
    attributes: Mapping[str, Sequence[str]], named: str | None, usual: Sequence[str]
) -> Sequence[str]:
    """Of the one that is named, or the first of the usual ones."""
    names = usual if named is None else [named]
    return next((attributes[name.lower()] for name in names if attributes.get(name.lower())), ())


_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_EMAILS: Final = (
    "email",
    "mail",
    "emailaddress",
    f"{_CLAIMS}emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
)
_NAMES: Final = (
    "displayname",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "name",
    f"{_CLAIMS}name",
)
_GIVEN: Final = ("givenname", "firstname", f"{_CLAIMS}givenname", "urn:oid:2.5.4.42")
_GROUPS_ELSEWHERE: Final = "http://schemas.microsoft.com/claims/groups.link"
"""What Entra tells in the place of somebody's groups where they are more than 150."""
_FAMILY: Final = ("surname", "lastname", "sn", f"{_CLAIMS}surname", "urn:oid:2.5.4.4")


def begin(connection: UUID, version: int, next_: str) -> Request:
    """`version`: of whom the connection believes; a sign-in does not survive a change of it."""
    # an ID begins with no digit
    return Request(connection, version, f"_{secrets.token_hex(20)}", next_, int(clock.now().timestamp()))


def is_over(request: Request) -> bool:
    return clock.now().timestamp() - request.began_at > _OLDEST_REQUEST


def address(peer: Peer, request: Request, acs: str) -> str:
    """Where to send the browser: a signed request, by the binding HTTP-Redirect."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(_authn_request(peer, request, acs).encode()) + packer.flush()
    # signed as it is written here, to the letter
    asked = urlencode({"SAMLRequest": b64encode(packed), "SigAlg": _RSA_SHA256})
    signature = private_key(peer.private_key).sign(asked.encode(), padding.PKCS1v15(), hashes.SHA256())
    signed = f"{asked}&{urlencode({'Signature': b64encode(signature)})}"
    return f"{peer.sso_url}{'&' if '?' in peer.sso_url else '?'}{signed}"


def _authn_request(peer: Peer, request: Request, acs: str) -> str:
    at = datetime.fromtimestamp(request.began_at, clock.now().tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
        f'ID="{request.id}" Version="2.0" IssueInstant="{at}" Destination="{escape(peer.sso_url)}" '
        'ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
        f'AssertionConsumerServiceURL="{escape(acs)}"><saml:Issuer>{escape(peer.entity_id)}</saml:Issuer>'
        '<samlp:NameIDPolicy AllowCreate="true"/></samlp:AuthnRequest>'
    )
