"""Files of one tenant at a time, in a directory or a bucket; links are signed, expire, name their tenant."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as MissingError
from obstore.store import LocalStore, ObjectStore, from_url

from harka import clock
from harka.codec import packed, unpacked
from harka.config import ConfigurationError
from harka.errors import NotFoundError, TenantRequiredError, UnavailableError, ValidationError

_TAG_BYTES: Final = 16
_PATH_CHARACTERS: Final = 512
# a segment begins with a letter or a digit, so there is no "..", no hidden file and no empty segment
_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_CHUNK_BYTES: Final = 65_536


class StoredFile(msgspec.Struct, frozen=True):
    """`path`: relative to its tenant. `size`: bytes."""

    path: str
    size: int
    modified_at: datetime


class _Link(msgspec.Struct, frozen=True, array_like=True):
    path: str
    expires: int  # Unix seconds


class FileStore:
    """Every method takes the tenant first.

    They raise `TenantRequiredError` without one, `ValidationError` for a path that is not plain,
    `UnavailableError` when no store is configured.
    """

    def __init__(self, url: str | None, key: bytes) -> None:
        """`url`: `file:///directory` (made when missing), `s3://bucket`, None: no files. `key`: 32 bytes."""
        self._store = _opened(url) if url else None
        self._key = hashlib.blake2b(b"file-link", key=key, digest_size=32).digest()

    async def write(self, tenant: UUID, path: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Create or replace in one step: a reader sees the old content or the new, never a part."""
        await obstore.put_async(self._require_store(), _key(tenant, path), content)

    async def find(self, tenant: UUID, path: str) -> StoredFile | None:
        try:
            found = await obstore.head_async(self._require_store(), _key(tenant, path))
        except (MissingError, FileNotFoundError):
            return None
        return StoredFile(path, found["size"], found["last_modified"])

    async def read(self, tenant: UUID, path: str) -> AsyncIterator[bytes]:
        """The content in pieces. Raise `NotFoundError`."""
        try:
            found = await obstore.get_async(self._require_store(), _key(tenant, path))
        except (MissingError, FileNotFoundError):
            raise NotFoundError from None
        async for piece in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(piece)

    async def delete(self, tenant: UUID, path: str) -> None:
        """A file that is not there counts as deleted."""
        try:
            await obstore.delete_async(self._require_store(), _key(tenant, path))
        except (MissingError, FileNotFoundError):
            return

    def sign(self, tenant: UUID, path: str, *, lifetime: float) -> str:
        """A token for `open_link`, good for `lifetime` seconds at this tenant's address only."""
        _key(tenant, path)
        body = packed(_Link(path, int(clock.now().timestamp() + lifetime)))
        return urlsafe_b64encode(self._tag(tenant, body) + body).rstrip(b"=").decode("ascii")

    def open_link(self, tenant: UUID, token: str) -> str:
        """The path that `token` names. Forged, expired and foreign alike raise `NotFoundError`."""
        _require(tenant)
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (Base64Error, ValueError):
            raise NotFoundError from None
        tag, body = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(tenant, body)):
            raise NotFoundError
        link = unpacked(body, _Link)
        if clock.now().timestamp() >= link.expires:
            raise NotFoundError
        return link.path

    def _tag(self, tenant: UUID, body: bytes) -> bytes:
        return hashlib.blake2b(tenant.bytes + body, key=self._key, digest_size=_TAG_BYTES).digest()

    def _require_store(self) -> ObjectStore:
        if self._store is None:
            raise UnavailableError("No file store is configured.")
        return self._store


def _opened(url: str) -> ObjectStore:
    try:
        return LocalStore.from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"HARKA_FILES_URL: {url.partition(':')[0]} is not a usable store") from error


def _key(tenant: UUID, path: str) -> str:
    _require(tenant)
    if len(path) > _PATH_CHARACTERS or not _PATH.fullmatch(path):
        raise ValidationError("This is not a file path.", field="path")
    return f"{tenant.hex}/{path}"


def _require(tenant: object) -> None:
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
