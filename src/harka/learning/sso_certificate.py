"""A certificate of a connection, as admins see it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives import hashes, serialization

from harka.auth.saml_metadata import certificates_of


class Certificate(msgspec.Struct, frozen=True):
    """`fingerprint`: SHA-256, in hexadecimal."""

    subject: str
    fingerprint: str
    not_before: datetime
    expires_at: datetime
    pem: str


def certificates(text: str | None) -> Sequence[Certificate]:
    """Of PEM that was accepted; none of None."""
    return (
        [
            Certificate(
                each.subject.rfc4514_string(),
                each.fingerprint(hashes.SHA256()).hex(),
                each.not_valid_before_utc,
                each.not_valid_after_utc,
                each.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            )
            for each in certificates_of(text or "")
        ]
        if text
        else []
    )
