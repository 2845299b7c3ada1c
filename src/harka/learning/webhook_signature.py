"""Signatures by Standard Webhooks: whoever has the secret knows who sent a message, when, and unchanged."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from harka.crypto import envelope

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_VERSION: Final = "v1"


def new_secret() -> bytes:
    return os.urandom(_SECRET_BYTES)


def text_of(secret: bytes) -> str:
    """As receivers get it, and as the libraries of the standard take it."""
    return PREFIX + base64.b64encode(secret).decode("ascii")


def seal(key: bytes, secret: bytes, *, tenant: UUID, endpoint: UUID) -> bytes:
    """`key`: of `Keyring.seal`. What is sealed opens as a secret of this endpoint only."""
    return envelope.seal(key, secret, tenant=tenant, purpose=_purpose(endpoint))


def open_secret(key: bytes, sealed: bytes, *, tenant: UUID, endpoint: UUID) -> bytes:
    """Raise `BrokenSealError` for what was not sealed with this key for this endpoint."""
    return envelope.open_sealed(key, sealed, tenant=tenant, purpose=_purpose(endpoint))


def headers(secrets: Sequence[bytes], id_: str, sent_at: datetime, body: bytes) -> Mapping[str, str]:
    """One signature by each secret: while secrets are rotated a receiver may know the old one or the new one.

    `id_`: of the message, the same however often it is sent.
    """
    seconds = str(int(sent_at.timestamp()))
    signed = f"{id_}.{seconds}.".encode() + body
    signatures = [
        f"{_VERSION},{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode('ascii')}"
        for secret in secrets
    ]
    return {
        "webhook-id": id_,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(signatures),
    }


def _purpose(endpoint: UUID) -> str:
    return f"webhook:{endpoint}"
