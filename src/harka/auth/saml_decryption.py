"""An assertion that was encrypted for us: RSA-OAEP around a key of AES, as XML Encryption writes them.

RSA with PKCS #1 v1.5 and Triple DES are not read. AES-CBC is, as many providers send nothing else; what is
wrong with a ciphertext is told to no browser.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harka.auth.saml_xml import (
    ASSERTION,
    ENCRYPTION,
    SIGNATURE,
    Element,
    RefusedXmlError,
    base64_of,
    only,
    text_of,
)

_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_XMLENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_BLOCK: Final = 16
_NONCE: Final = 12
_CBC: Final = {f"{_XMLENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
_GCM: Final = {f"{_XMLENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "http://www.w3.org/2000/09/xmldsig#sha1": hashes.SHA1(),  # noqa: S303 - in OAEP it signs nothing
    f"{_XMLENC}sha256": hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
    f"{_XMLENC}sha512": hashes.SHA512(),
}
_MASKS: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{_XMLENC11}mgf1sha1": hashes.SHA1(),  # noqa: S303 - as above
    f"{_XMLENC11}mgf1sha256": hashes.SHA256(),
    f"{_XMLENC11}mgf1sha384": hashes.SHA384(),
    f"{_XMLENC11}mgf1sha512": hashes.SHA512(),
}
_SHA1: Final = "http://www.w3.org/2000/09/xmldsig#sha1"
_UNREADABLE: Final = "It cannot be decrypted: it was perhaps encrypted for another key."
OFFERED: Final = (f"{_XMLENC11}aes256-gcm", f"{_XMLENC11}aes128-gcm", f"{_XMLENC}rsa-oaep-mgf1p")
"""What our metadata ask for."""


def decrypted(encrypted: Element, private_key: rsa.RSAPrivateKey) -> bytes:
    """What stands in an `EncryptedAssertion`. `private_key`: ours. Raise `RefusedXmlError`."""
    data = only(encrypted, f"{ENCRYPTION}EncryptedData")
    keys = list(encrypted.iter(f"{ENCRYPTION}EncryptedKey"))
    if encrypted.tag != f"{ASSERTION}EncryptedAssertion" or len(keys) != 1:
        raise RefusedXmlError("It is not encrypted for one recipient.")
    method = only(data, f"{ENCRYPTION}EncryptionMethod").get("Algorithm", "")
    size = _CBC.get(method) or _GCM.get(method)
    if size is None:
        raise RefusedXmlError("It is encrypted by an algorithm that is not accepted: AES is the least.")
    key = _key(keys[0], private_key)
    if len(key) != size:
        raise RefusedXmlError(_UNREADABLE)
    try:
        return (_of_cbc if method in _CBC else _of_gcm)(key, _ciphertext(data))
    except (ValueError, InvalidTag):
        raise RefusedXmlError(_UNREADABLE) from None


def _key(encrypted: Element, private_key: rsa.RSAPrivateKey) -> bytes:
    method = only(encrypted, f"{ENCRYPTION}EncryptionMethod")
    digest = method.find(f"{SIGNATURE}DigestMethod")
    hash_ = _HASHES.get(_SHA1 if digest is None else digest.get("Algorithm", ""))
    match method.get("Algorithm", ""):
        case "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p":
            mask: hashes.HashAlgorithm | None = hashes.SHA1()  # noqa: S303 - as above
        case "http://www.w3.org/2009/xmlenc11#rsa-oaep":
            named = method.find(f"{{{_XMLENC11}}}MGF")
            mask = _MASKS.get(f"{_XMLENC11}mgf1sha1" if named is None else named.get("Algorithm", ""))
        case _:
            mask = None
    if hash_ is None or mask is None:
        raise RefusedXmlError("Its key is encrypted by an algorithm that is not accepted: RSA-OAEP is.")
    try:
        return private_key.decrypt(_ciphertext(encrypted), padding.OAEP(padding.MGF1(mask), hash_, None))
    except ValueError:
        raise RefusedXmlError(_UNREADABLE) from None


def _ciphertext(encrypted: Element) -> bytes:
    data = only(encrypted, f"{ENCRYPTION}CipherData")
    return base64_of(text_of(only(data, f"{ENCRYPTION}CipherValue")))


def _of_cbc(key: bytes, text: bytes) -> bytes:
    if len(text) < 2 * _BLOCK or len(text) % _BLOCK:
        raise ValueError
    # how much is padding the last byte tells; the bytes before it say nothing
    decryptor = Cipher(algorithms.AES(key), modes.CBC(text[:_BLOCK])).decryptor()
    plain = decryptor.update(text[_BLOCK:]) + decryptor.finalize()
    if not 1 <= plain[-1] <= _BLOCK:
        raise ValueError
    return plain[: -plain[-1]]


def _of_gcm(key: bytes, text: bytes) -> bytes:
    if len(text) < _NONCE + _BLOCK:
        raise ValueError
    return AESGCM(key).decrypt(text[:_NONCE], text[_NONCE:], None)
