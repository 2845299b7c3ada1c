"""Sealed bytes for the database: read only with the platform's secret, and only as what they were sealed for.

A box is `version[1] nonce[12] ciphertext tag[16]`, AES-256-GCM. The associated data names version, tenant and
purpose, so a box copied to another tenant's row, or used for another purpose, does not open. Random 96-bit
nonces keep one key safe for 2^32 boxes (NIST SP 800-38D §8.3).
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harka.errors import InternalError, TenantRequiredError

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class BrokenSealError(InternalError):
    """A sealed value does not open."""


def seal(key: bytes, plaintext: bytes, *, tenant: UUID, purpose: str) -> bytes:
    """Seal under `key` (32 bytes, see `Keyring.seal`). Raise `TenantRequiredError` without a tenant."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, _associated(tenant, purpose))


def open_sealed(key: bytes, box: bytes, *, tenant: UUID, purpose: str) -> bytes:
    """Raise `BrokenSealError` unless `seal` made `box` with the same key, tenant and purpose."""
    if len(box) < len(_VERSION) + _NONCE_BYTES + _TAG_BYTES or box[:1] != _VERSION:
        raise BrokenSealError
    nonce, ciphertext = box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _associated(tenant, purpose))
    except InvalidTag:
        raise BrokenSealError from None


def _associated(tenant: UUID, purpose: str) -> bytes:
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
    return _VERSION + tenant.bytes + purpose.encode("utf-8")
