"""A SAML provider of the tests' own, which signs whatever it is told to: honest answers, and all others.

It writes XML in the form in which it is signed (exclusive canonical XML), so a hash of what it wrote is the
digest: nothing of what is tested helps to make what it is tested with.
"""

import hashlib
import os
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import escape
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from harka import clock, config
from harka.auth.saml import Peer
from harka.auth.saml_metadata import new_key_pair
from harka.ids import new_id

_SHA1 = hashes.SHA1()  # noqa: S303 - what is refused, and OAEP
PROGRAM = Path(config.load().xmlsec1)
_NO = {"", "0", "false", "no"}
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
RSA_SHA1 = f"{DS}rsa-sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1 = f"{DS}sha1"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
# what is signed holds none
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"


def is_required() -> bool:
    """Whether a missing xmlsec1 is a failure: what CI skips, nobody tests."""
    return any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_XMLSEC1"))


needs_xmlsec1 = pytest.mark.skipif(
    not os.access(PROGRAM, os.X_OK) and not is_required(), reason="no xmlsec1: install Debian's xmlsec1"
)


def at(seconds: float = 0.0) -> str:
    """Now, and so many seconds."""
    return (clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Key:
    """With its certificate, in PEM."""

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: str

    @property
    def method(self) -> str:
        return RSA_SHA256 if isinstance(self.private, rsa.RSAPrivateKey) else ECDSA_SHA256

    @property
    def shown(self) -> str:
        """In base64, as documents show it."""
        return "".join(self.certificate.split("\n")[1:-2])

    def sign(self, content: bytes, hash_: hashes.HashAlgorithm) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(content, padding.PKCS1v15(), hash_)
        numbers = decode_dss_signature(self.private.sign(content, ec.ECDSA(hash_)))
        return b"".join(each.to_bytes(32) for each in numbers)


def new_key(
    *, curve: bool = False, bits: int = 2048, days: float = 365, since: datetime | None = None
) -> Key:
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    private = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    begin = since or clock.now() - timedelta(days=30)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(max(clock.now() + timedelta(days=days), begin + timedelta(seconds=1)))
        .sign(private, hashes.SHA256())
    )
    return Key(private, certificate.public_bytes(serialization.Encoding.PEM).decode())


@dataclass(frozen=True)
class Said:
    """What an assertion says. `name_id`: XML; None leaves an attribute out."""

    issuer: str
    audience: str
    recipient: str
    in_response_to: str | None
    name_id: str = "subject"
    format: str = PERSISTENT
    id: str = field(default_factory=lambda: f"_a{secrets.token_hex(12)}")
    issued: str = field(default_factory=at)
    not_before: str | None = field(default_factory=lambda: at(-30))
    not_after: str | None = field(default_factory=lambda: at(120))
    confirmed_until: str | None = field(default_factory=lambda: at(120))
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    condition: str = ""

    def xml(self) -> str:
        values = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{each}</saml:AttributeValue>" for each in each_of)
            + "</saml:Attribute>"
            for name, each_of in self.attributes.items()
        )
        data = _attributes(
            InResponseTo=self.in_response_to, NotOnOrAfter=self.confirmed_until, Recipient=self.recipient
        )
        window = _attributes(NotBefore=self.not_before, NotOnOrAfter=self.not_after)
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{self.id}" IssueInstant="{self.issued}" Version="2.0">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<saml:Subject><saml:NameID Format="{self.format}">{self.name_id}</saml:NameID>'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f"<saml:SubjectConfirmationData{data}></saml:SubjectConfirmationData></saml:SubjectConfirmation>"
            f"</saml:Subject><saml:Conditions{window}><saml:AudienceRestriction>"
            f"<saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction>{self.condition}"
            f'</saml:Conditions><saml:AuthnStatement AuthnInstant="{self.issued}"><saml:AuthnContext>'
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            + (f"<saml:AttributeStatement>{values}</saml:AttributeStatement>" if values else "")
            + "</saml:Assertion>"
        )


def _attributes(**values: str | None) -> str:
    return "".join(f' {name}="{value}"' for name, value in values.items() if value is not None)


def response(
    inside: str,
    *,
    issuer: str,
    destination: str | None,
    in_response_to: str | None,
    status: str = SUCCESS,
    id_: str = "",
) -> str:
    told = _attributes(
        Destination=destination,
        ID=id_ or f"_r{secrets.token_hex(12)}",
        InResponseTo=in_response_to,
        IssueInstant=at(),
        Version="2.0",
    )
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP}"{told}><saml:Issuer xmlns:saml="{SAML}">{issuer}</saml:Issuer>'
        f'<samlp:Status><samlp:StatusCode Value="{status}"></samlp:StatusCode></samlp:Status>'
        f"{inside}</samlp:Response>"
    )


@dataclass(frozen=True)
class Signing:
    """How a signature is made; each may be a lie. `shown`: what stands in its KeyInfo.

    `inclusive`: the prefix of a namespace that is signed although only a value uses it.
    """

    key: Key
    reference: str | None = None
    method: str = ""
    digest: str = SHA256
    canonical: str = EXCLUSIVE
    transforms: Sequence[str] = (ENVELOPED, EXCLUSIVE)
    shown: str | None = None
    inclusive: str = ""


def signature(content: str, id_: str, how: Signing) -> str:
    """Of `content`, in the form in which it is signed."""
    method = how.method or how.key.method
    digest = hashlib.new(
        "sha1" if how.digest == SHA1 else "sha256", _COMMENT.sub("", content).encode()
    ).digest()
    named = f'xmlns:ec="{EXCLUSIVE}" PrefixList="{how.inclusive}"'
    inside = {
        EXCLUSIVE: f"<ec:InclusiveNamespaces {named}></ec:InclusiveNamespaces>" if how.inclusive else ""
    }
    transforms = "".join(
        f'<ds:Transform Algorithm="{each}">{inside.get(each, "")}</ds:Transform>' for each in how.transforms
    )
    reference = f"#{id_}" if how.reference is None else how.reference
    inside = (
        f'<ds:CanonicalizationMethod Algorithm="{how.canonical}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>'
        f'<ds:Reference URI="{reference}"><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{how.digest}"></ds:DigestMethod>'
        f"<ds:DigestValue>{b64encode(digest).decode()}</ds:DigestValue></ds:Reference>"
    )
    hash_ = _SHA1 if "sha1" in method else hashes.SHA256()
    info = f'<ds:SignedInfo xmlns:ds="{DS}">{inside}</ds:SignedInfo>'
    value = b64encode(how.key.sign(info.encode(), hash_)).decode()
    shown = how.shown
    if shown is None:
        certificate = f"<ds:X509Certificate>{how.key.shown}</ds:X509Certificate>"
        shown = f"<ds:KeyInfo><ds:X509Data>{certificate}</ds:X509Data></ds:KeyInfo>"
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>{inside}</ds:SignedInfo>'
        f"<ds:SignatureValue>{value}</ds:SignatureValue>{shown}</ds:Signature>"
    )


def signed(element: str, how: Signing | Key) -> str:
    """`element` with its signature in it, behind its issuer."""
    how = how if isinstance(how, Signing) else Signing(how)
    id_ = element.partition(' ID="')[2].partition('"')[0]
    head, end, tail = element.partition("</saml:Issuer>")
    return f"{head}{end}{signature(element, id_, how)}{tail}"


def encrypted(element: str, certificate: str, *, method: str = "", transport: str = "") -> str:
    """`element` as an `EncryptedAssertion` for whose `certificate` this is: AES-256-GCM and RSA-OAEP."""
    key, nonce = AESGCM.generate_key(256), os.urandom(12)
    data = nonce + AESGCM(key).encrypt(nonce, element.encode(), None)
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    wrapped = public.encrypt(key, padding.OAEP(padding.MGF1(_SHA1), _SHA1, None))
    method = method or "http://www.w3.org/2009/xmlenc11#aes256-gcm"
    transport = transport or "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}">'
        '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" '
        'Type="http://www.w3.org/2001/04/xmlenc#Element">'
        f'<xenc:EncryptionMethod Algorithm="{method}"></xenc:EncryptionMethod>'
        f'<ds:KeyInfo xmlns:ds="{DS}"><xenc:EncryptedKey>'
        f'<xenc:EncryptionMethod Algorithm="{transport}"></xenc:EncryptionMethod><xenc:CipherData>'
        f"<xenc:CipherValue>{b64encode(wrapped).decode()}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData>"
        f"<xenc:CipherValue>{b64encode(data).decode()}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedData></saml:EncryptedAssertion>"
    )


def posted(document: str | bytes) -> str:
    """As a form posts it."""
    return b64encode(document if isinstance(document, bytes) else document.encode()).decode()


def changed(said: Said, **values: object) -> Said:
    return replace(said, **values)  # type: ignore[arg-type]  # of whatever field


KEY = new_key()
OWN = new_key_pair("test")
ACS = "https://school.example/auth/saml/x/acs"
ISSUER = "https://idp.example/metadata"
PEER = Peer(
    tenant=new_id(),
    issuer=ISSUER,
    sso_url="https://idp.example/sso?a=b",
    certificates=KEY.certificate,
    entity_id="urn:harka:school:1",
    private_key=OWN.private_key,
    own_certificate=OWN.certificate,
    idp_initiated=False,
    email_attribute=None,
    name_attribute=None,
    role_attribute="groups",
)


def said(**more: object) -> Said:
    plain = {"issuer": ISSUER, "audience": PEER.entity_id, "recipient": ACS, "in_response_to": "_q"}
    return Said(**{**plain, **more})  # type: ignore[arg-type]  # of whatever field


def around(inside: str, **more: str | None) -> str:
    plain: dict[str, str | None] = {"issuer": ISSUER, "destination": ACS, "in_response_to": "_q"}
    return response(inside, **{**plain, **more})  # type: ignore[arg-type]  # as above


def metadata(issuer: str = ISSUER, *, keys: Sequence[Key] = (KEY,), sso_url: str = PEER.sso_url) -> str:
    """As a provider shows them."""
    shown = "".join(
        f'<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>'
        f"{each.shown}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
        for each in keys
    )
    places = "".join(
        f'<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" '
        f'Location="{escape(sso_url)}"/>'
        for binding in ("HTTP-POST", "HTTP-Redirect")
    )
    return (
        '<?xml version="1.0"?><EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'entityID="{issuer}">'
        f'<IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{shown}{places}</IDPSSODescriptor>'
        "</EntityDescriptor>"
    )
