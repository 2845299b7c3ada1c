"""Cursors: a position in a list, authenticated and bound to the tenant, the list, its order and filters.

A cursor is `base64url(key id[16] tag[8])` without padding. The key is what the list is ordered by: 8 bytes
of microseconds or of a number (43 characters in all), an id, or a text in UTF-8. The tag is keyed BLAKE2b
over everything that the cursor is bound to, so one of another tenant, list or order is refused before any
SQL runs, like an invented one.
"""

import binascii
import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from harka.codec import packed
from harka.errors import InvalidCursorError
from harka.repositories.page import OLDEST_FIRST, Order, Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TAG_BYTES = 8
_ID_BYTES = 16
_KEY_BYTES = 8
_MOMENTS = frozenset(
    {
        *("created_at", "updated_at", "enrolled_at", "due_at", "completed_at"),
        *("expires_at", "submitted_at"),
    }
)
_FRACTIONS = frozenset({"progress", "percent"})
_WHOLE = frozenset({"size", "number", "xid"})
_ID = "id"
_FRACTION = struct.Struct(">d")
# the longest text of an order is an address of 320 characters
_LONGEST = (320 * 4 + _ID_BYTES + _TAG_BYTES) * 4 // 3 + 1

Filter = str | bytes | None


class Listing:
    """One list of one tenant as one request sees it; seals the positions of its rows."""

    __slots__ = ("_binding", "_key", "order")

    def __init__(
        self,
        key: bytes,
        tenant: UUID,
        name: str,
        filters: tuple[Filter, ...] = (),
        *,
        order: Order = OLDEST_FIRST,
    ) -> None:
        """`key`: 32 bytes, see `crypto.keyring`. `name` says what is listed."""
        self._key = key
        self.order = order
        # MessagePack delimits its items: no two bindings have equal bytes
        self._binding = packed((tenant.bytes, name, order.by, order.direction, filters))

    def seal(self, position: Position) -> str:
        key, id_ = position
        body = _key_bytes(key) + id_.bytes
        return urlsafe_b64encode(body + self._tag(body)).rstrip(b"=").decode("ascii")

    def open(self, text: str) -> Position:
        """Raise `InvalidCursorError` for whatever this list's `seal` did not make."""
        if len(text) > _LONGEST or not text.isascii():
            raise InvalidCursorError
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            raise InvalidCursorError from None
        body, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise InvalidCursorError
        # only the canonical spelling is a cursor: the decoder skips stray characters and spare bits
        if urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii") != text:
            raise InvalidCursorError
        return _key_of(self.order.by, body[:-_ID_BYTES]), UUID(bytes=body[-_ID_BYTES:])

    def _tag(self, body: bytes) -> bytes:
        return hashlib.blake2b(self._binding + body, digest_size=_TAG_BYTES, key=self._key).digest()


def _key_bytes(key: datetime | str | float | int | UUID) -> bytes:  # noqa: PYI041 - a float is written otherwise
    if isinstance(key, UUID):
        return key.bytes
    if isinstance(key, str):
        return key.encode()
    if isinstance(key, datetime):
        return ((key - _EPOCH) // _MICROSECOND).to_bytes(_KEY_BYTES, "big", signed=True)
    return _FRACTION.pack(key) if isinstance(key, float) else key.to_bytes(_KEY_BYTES, "big", signed=True)


def _key_of(by: str, key: bytes) -> datetime | str | float | UUID:
    """What `_key_bytes` made bytes of; `by` tells its type."""
    if by in _MOMENTS:
        return _EPOCH + int.from_bytes(key, "big", signed=True) * _MICROSECOND
    if by in _WHOLE:
        return int.from_bytes(key, "big", signed=True)
    if by in _FRACTIONS:
        (fraction,) = _FRACTION.unpack(key)
        return float(fraction)
    return UUID(bytes=key) if by == _ID else key.decode()
