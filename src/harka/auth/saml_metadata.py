"""What a SAML provider and we tell each other beforehand: names, addresses, certificates."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from harka import clock
from harka.auth.saml_decryption import OFFERED
from harka.auth.saml_xml import PROTOCOL, SIGNATURE, Element, RefusedXmlError, base64_of, read, text_of
from harka.errors import ValidationError

MOST_CERTIFICATES: Final = 5
LONGEST_CERTIFICATES: Final = 40_000
LONGEST_METADATA: Final = 262_144
REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_METADATA: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_LEAST_BITS: Final = 2048
_YEARS: Final = 10
_FORMATS: Final = (
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
)


class KeyPair(msgspec.Struct, frozen=True):
    """Ours with one provider, in PEM: it signs what we ask, and what is encrypted for it we read."""

    private_key: str
    certificate: str

    def __repr__(self) -> str:
        return "KeyPair(…)"


class Description(msgspec.Struct, frozen=True):
    """What a provider's metadata say. `certificates`: PEM, one after the other."""

    issuer: str
    sso_url: str
    certificates: str


def new_key_pair(name: str) -> KeyPair:
    """It takes a moment: in a thread. `name`: what the certificate says it is."""
    key, now = rsa.generate_private_key(65537, _LEAST_BITS), clock.now()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(private.decode(), _pem(certificate))


def private_key(pem: str) -> rsa.RSAPrivateKey:
    """Of a pair that `new_key_pair` made: to try whether it is a sound one would take 50 ms each time."""
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - we made it
    return key


def describe(content: bytes, field: str) -> Description:
    """What the metadata of one provider say. Raise `ValidationError`."""
    try:
        entity, role = _provider(read(content).root)
        found = [
            x509.load_der_x509_certificate(base64_of(text_of(each)))
            for key in role.findall(f"{_METADATA}KeyDescriptor")
            if key.get("use") != "encryption"
            for each in key.iter(f"{SIGNATURE}X509Certificate")
        ]
    except RefusedXmlError as error:
        raise ValidationError(f"These are no metadata of a provider: {error}", field=field) from None
    except ValueError:
        raise ValidationError("A certificate in the metadata cannot be read.", field=field) from None
    places = [
        each.get("Location", "")
        for each in role.findall(f"{_METADATA}SingleSignOnService")
        if each.get("Binding") == REDIRECT
    ]
    if not places:
        raise ValidationError("The provider has no sign-in by HTTP-Redirect.", field=field)
    unique = list(dict.fromkeys(map(_pem, found)))
    return Description(entity.get("entityID", ""), places[0], accept_certificates("".join(unique), field))


def _provider(root: Element) -> tuple[Element, Element]:
    """The one entity that is a provider, and what it says as such. Raise `RefusedXmlError`."""
    entities = ((each, _role(each)) for each in root.iter(f"{_METADATA}EntityDescriptor"))
    found = [(entity, role) for entity, role in entities if role is not None]
    if len(found) != 1:
        raise RefusedXmlError(f"There are {len(found)} identity providers in it; one is wanted.")
    return found[0]


def _role(entity: Element) -> Element | None:
    for role in entity.findall(f"{_METADATA}IDPSSODescriptor"):
        if PROTOCOL.strip("{}") in role.get("protocolSupportEnumeration", "").split():
            return role
    return None


def accept_certificates(text: str, field: str) -> str:
    """PEM. Raise `ValidationError` for none, too many, such with a weak key, and where all are over."""
    try:
        found = certificates_of(text) if len(text) <= LONGEST_CERTIFICATES and text.isascii() else []
    except ValueError:
        found = []
    if not 0 < len(found) <= MOST_CERTIFICATES:
        raise ValidationError(f"Give 1 to {MOST_CERTIFICATES} certificates in PEM.", field=field)
    for each in found:
        match each.public_key():
            case rsa.RSAPublicKey(key_size=bits) if bits >= _LEAST_BITS:
                pass
            case ec.EllipticCurvePublicKey(curve=ec.SECP256R1() | ec.SECP384R1() | ec.SECP521R1()):
                pass
            case _:
                raise ValidationError(
                    f"A certificate's key must be of RSA with {_LEAST_BITS} bits, or of P-256 and above.",
                    field=field,
                )
    if ends_at(found) <= clock.now():
        raise ValidationError("Every one of these certificates has expired.", field=field)
    return "".join(map(_pem, found))


def certificates_of(text: str) -> Sequence[x509.Certificate]:
    """Raise `ValueError`."""
    return x509.load_pem_x509_certificates(text.encode("ascii"))


def ends_at(certificates: Sequence[x509.Certificate]) -> datetime:
    """When the last of them does."""
    return max(each.not_valid_after_utc for each in certificates)


def own_metadata(entity_id: str, certificates: str, acs: str) -> str:
    """Ours, for the provider to read. `certificates`: first the one that signs. `acs`: where people go."""
    infos = [_key_info(each) for each in certificates_of(certificates)]
    methods = "".join(f'<md:EncryptionMethod Algorithm="{each}"/>' for each in OFFERED)
    signing = "".join(f'<md:KeyDescriptor use="signing">{info}</md:KeyDescriptor>' for info in infos)
    encryption = "".join(
        f'<md:KeyDescriptor use="encryption">{info}{methods}</md:KeyDescriptor>' for info in infos
    )
    formats = "".join(f"<md:NameIDFormat>{each}</md:NameIDFormat>" for each in _FORMATS)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{escape(entity_id)}">'
        '<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f"{signing}{encryption}{formats}"
        f'<md:AssertionConsumerService index="0" isDefault="true" Binding="{POST}" Location="{escape(acs)}"/>'
        "</md:SPSSODescriptor></md:EntityDescriptor>\n"
    )


def _key_info(certificate: x509.Certificate) -> str:
    told = b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return (
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{told}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
