"""Links to files: signed, expiring, good at the address of one tenant, for one purpose and one path."""

import enum
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.codec import packed, unpacked
from harka.errors import NotFoundError, TenantRequiredError

_TAG_BYTES: Final = 16


class Purpose(enum.IntEnum):
    """The numbers are in links."""

    READ = 1
    WRITE = 2


class Link(msgspec.Struct, frozen=True, array_like=True):
    """`expires`: Unix seconds. `name`, `media_type`: as which it is read. `size`: bytes to be written."""

    purpose: Purpose
    path: str
    expires: int
    name: str = ""
    media_type: str = ""
    size: int = 0


class Links:
    """Seals and opens links under one key."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes."""
        self._key = hashlib.blake2b(b"file-link", key=key, digest_size=32).digest()

    def seal(self, tenant: UUID, link: Link) -> str:
        """As one segment of a URL's path. Raise `TenantRequiredError`."""
        body = packed(link)
        return urlsafe_b64encode(self._tag(tenant, body) + body).rstrip(b"=").decode("ascii")

    def open(self, tenant: UUID, token: str, purpose: Purpose) -> Link:
        """Forged, expired, foreign and made for another purpose alike raise `NotFoundError`."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (Base64Error, ValueError):
            sealed = b""
        tag, body = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(tenant, body)):
            raise NotFoundError
        link = unpacked(body, Link)
        if link.purpose is not purpose or clock.now().timestamp() >= link.expires:
            raise NotFoundError
        return link

    def _tag(self, tenant: UUID, body: bytes) -> bytes:
        require_tenant(tenant)
        return hashlib.blake2b(tenant.bytes + body, key=self._key, digest_size=_TAG_BYTES).digest()


def require_tenant(tenant: object) -> None:
    """Raise `TenantRequiredError`."""
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
