"""Subkeys from the one secret an operator keeps, one a purpose: a leak of one tells nothing of another."""

import enum
import functools

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from harka.config import SECRET_BYTES, ConfigurationError

_NAMESPACE = b"harka/v1/"


class Purpose(enum.Enum):
    """Name in the derivation, length in bytes. To change either makes stored ids and keys unreadable."""

    NODE_ID = ("node-id", 32)
    CURSOR = ("cursor", 32)
    CACHE = ("cache", 16)
    SEAL = ("seal", 32)
    DEMO_KEY = ("demo-key", 32)
    SESSION = ("session", 32)
    IDEMPOTENCY = ("idempotency", 32)
    MAIL = ("mail", 32)

    def __init__(self, label: str, length: int) -> None:
        self.label = label
        self.length = length


class Keyring:
    """HKDF-SHA-256 (RFC 5869) over `secret_hex`, 32 random bytes in hex.

    Raise `ConfigurationError` when the secret is anything else.
    """

    def __init__(self, secret_hex: str) -> None:
        try:
            secret = bytes.fromhex(secret_hex)
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise ConfigurationError("HARKA_SECRET: must be 32 random bytes in hex (64 characters)")
        self._secret = secret

    def __repr__(self) -> str:
        return "Keyring(…)"

    @functools.cached_property
    def node_id(self) -> bytes:
        """32 bytes, for `ids.NodeIds`."""
        return self._derive(Purpose.NODE_ID)

    @functools.cached_property
    def cursor(self) -> bytes:
        """32 bytes."""
        return self._derive(Purpose.CURSOR)

    @functools.cached_property
    def cache(self) -> bytes:
        """16 bytes, the SipHash key of `fastpath.cache_key`."""
        return self._derive(Purpose.CACHE)

    @functools.cached_property
    def seal(self) -> bytes:
        """32 bytes, the key of `crypto.envelope`."""
        return self._derive(Purpose.SEAL)

    @functools.cached_property
    def demo_key(self) -> bytes:
        """32 bytes, for the API keys of `onboarding.demo_key`."""
        return self._derive(Purpose.DEMO_KEY)

    @functools.cached_property
    def session(self) -> bytes:
        """32 bytes, for the tokens of `auth.session_token`."""
        return self._derive(Purpose.SESSION)

    @functools.cached_property
    def idempotency(self) -> bytes:
        """32 bytes, for what `learning.idempotency` keeps."""
        return self._derive(Purpose.IDEMPOTENCY)

    @functools.cached_property
    def mail(self) -> bytes:
        """32 bytes, for the links of `auth.mail_token`."""
        return self._derive(Purpose.MAIL)

    def _derive(self, purpose: Purpose) -> bytes:
        info = _NAMESPACE + purpose.label.encode("ascii")
        return HKDF(hashes.SHA256(), length=purpose.length, salt=None, info=info).derive(self._secret)
