"""Values sealed with the key they are stored under: one read from under another is refused."""

import contextlib
import hashlib
import hmac
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from harka import logs
from harka.codec import unpacked
from harka.fastpath import cache_key

T = TypeVar("T")
Part = UUID | str | int | bytes | None

log = logs.logger("cache")

_TAG_BYTES: Final = 16


class Seal:
    def __init__(self, key: bytes) -> None:
        """`key`: 16 bytes, see `crypto.keyring`."""
        self._key = key
        self._tag_key = hashlib.blake2b(b"cache-seal", key=key, digest_size=32).digest()

    def name(self, tenant: UUID, kind: str, version: int, key: Part) -> str:
        """Where a value lies, but for the numbers at its end. What is in braces chooses a cluster's node."""
        part = key.bytes if isinstance(key, UUID) else key
        hashed = cache_key(self._key, tenant.bytes, 0, version, kind, (part,)).rpartition(":")[2]
        return f"harka:{{{tenant.hex}}}:value:{hashed}"

    def sealed(self, name: str, body: bytes) -> bytes:
        """`name`: the whole of it, with its numbers."""
        return self._tag(name, body) + body

    def opened(self, name: str, sealed: bytes, type_: type[T]) -> T | None:
        """None for what was not sealed for this name, or is no `type_` (any more)."""
        body = sealed[_TAG_BYTES:]
        if not hmac.compare_digest(sealed[:_TAG_BYTES], self._tag(name, body)):
            log.error("cached value does not belong to its key")
            return None
        with contextlib.suppress(msgspec.DecodeError):
            return unpacked(body, type_)
        return None

    def _tag(self, name: str, body: bytes) -> bytes:
        text = name.encode() + b"\0" + body
        return hashlib.blake2b(text, key=self._tag_key, digest_size=_TAG_BYTES).digest()
