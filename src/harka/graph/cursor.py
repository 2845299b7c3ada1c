"""Cursors: a position in a list, authenticated and bound to the tenant, the list, its order and filters.

A cursor is `base64url(microseconds[8] id[16] tag[8])` without padding, 43 characters. The tag is keyed
BLAKE2b over everything that the cursor is bound to, so one of another tenant or list is refused before any
SQL runs, like an invented one.
"""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from harka.codec import packed
from harka.errors import InvalidCursorError
from harka.repositories.page import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TAG_BYTES = 8
_BODY_BYTES = 8 + 16
_CHARACTERS = 43

Filter = str | bytes | None


class Listing:
    """One list of one tenant as one request sees it; seals the positions of its rows."""

    __slots__ = ("_binding", "_key")

    def __init__(self, key: bytes, tenant: UUID, name: str, filters: tuple[Filter, ...] = ()) -> None:
        """`key`: 32 bytes, see `crypto.keyring`. `name` says what is listed and in which order."""
        self._key = key
        # MessagePack delimits its items: no two bindings have equal bytes
        self._binding = packed((tenant.bytes, name, filters))

    def seal(self, position: Position) -> str:
        created_at, id_ = position
        microseconds = (created_at - _EPOCH) // _MICROSECOND
        body = microseconds.to_bytes(8, "big", signed=True) + id_.bytes
        return urlsafe_b64encode(body + self._tag(body))[:_CHARACTERS].decode("ascii")

    def open(self, text: str) -> Position:
        """Raise `InvalidCursorError` for whatever this list's `seal` did not make."""
        if len(text) != _CHARACTERS or not text.isascii():
            raise InvalidCursorError
        try:
            sealed = urlsafe_b64decode(text + "=")
        except (binascii.Error, ValueError):
            raise InvalidCursorError from None
        body, tag = sealed[:_BODY_BYTES], sealed[_BODY_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise InvalidCursorError
        # only the canonical spelling is a cursor: the decoder skips stray characters and spare bits
        if urlsafe_b64encode(sealed)[:_CHARACTERS].decode("ascii") != text:
            raise InvalidCursorError
        microseconds = int.from_bytes(body[:8], "big", signed=True)
        return _EPOCH + microseconds * _MICROSECOND, UUID(bytes=body[8:])

    def _tag(self, body: bytes) -> bytes:
        return hashlib.blake2b(self._binding + body, digest_size=_TAG_BYTES, key=self._key).digest()
