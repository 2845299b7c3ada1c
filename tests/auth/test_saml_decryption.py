import os
import re
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509 import load_pem_x509_certificate

from harka.auth.saml_decryption import decrypted
from harka.auth.saml_metadata import private_key
from harka.auth.saml_xml import RefusedXmlError, read
from saml_idp import OWN, encrypted

XMLENC, XMLENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
SECRET = b"<x>what is told to us alone</x>"


def box(key: bytes, data: bytes, method: str, *, mask: str = "", hash_: str = "") -> str:
    """As a provider writes it that wraps the key by SHA-256."""
    public = load_pem_x509_certificate(OWN.certificate.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    wrapped = public.encrypt(key, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    text = encrypted("", OWN.certificate, method=method, transport=f"{XMLENC11}rsa-oaep")
    first, second = (b64encode(each).decode() for each in (wrapped, data))
    values = iter((first, second))
    text = re.sub("<xenc:CipherValue>[^<]*", lambda _: f"<xenc:CipherValue>{next(values)}", text)
    parameters = (
        f'<ds:DigestMethod Algorithm="{hash_ or XMLENC + "sha256"}"></ds:DigestMethod>'
        f'<m:MGF xmlns:m="{XMLENC11}" Algorithm="{mask or XMLENC11 + "mgf1sha256"}"></m:MGF>'
    )
    return text.replace('rsa-oaep">', f'rsa-oaep">{parameters}')


def opened(text: str) -> bytes:
    return decrypted(read(text.encode()).root, private_key(OWN.private_key))


def padded(content: bytes, size: int) -> bytes:
    """As XML Encryption pads: only the last byte tells."""
    missing = 16 - len(content) % 16
    iv, key = os.urandom(16), os.urandom(size)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    full = content + os.urandom(missing - 1) + bytes([missing])
    return key + iv + encryptor.update(full) + encryptor.finalize()


@pytest.mark.parametrize("size", [16, 24, 32])
def test_every_size_of_aes_is_read(size: int) -> None:
    key, nonce = os.urandom(size), os.urandom(12)
    sealed = nonce + AESGCM(key).encrypt(nonce, SECRET, None)
    assert opened(box(key, sealed, f"{XMLENC11}aes{size * 8}-gcm")) == SECRET
    both = padded(SECRET, size)
    assert opened(box(both[:size], both[size:], f"{XMLENC}aes{size * 8}-cbc")) == SECRET


def test_what_was_changed_or_is_of_another_kind_is_refused() -> None:
    key, nonce = os.urandom(32), os.urandom(12)
    sealed = nonce + AESGCM(key).encrypt(nonce, SECRET, None)
    gcm = f"{XMLENC11}aes256-gcm"
    for text in (
        box(key, sealed[:-1] + bytes([sealed[-1] ^ 1]), gcm),
        box(key, sealed[:20], gcm),
        box(key[:16], sealed, gcm),
        box(key, b"x" * 33, f"{XMLENC}aes256-cbc"),
        box(key, b"x" * 16, f"{XMLENC}aes256-cbc"),
        box(key, sealed, f"{XMLENC}tripledes-cbc"),
        box(key, sealed, gcm, mask="x"),
        box(key, sealed, gcm, hash_="http://www.w3.org/2001/04/xmldsig-more#md5"),
        box(key, sealed, gcm, hash_=f"{XMLENC}sha512"),
    ):
        with pytest.raises(RefusedXmlError):
            opened(text)
    assert b64decode(b64encode(opened(box(key, sealed, gcm)))) == SECRET
