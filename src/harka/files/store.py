"""Files of one tenant at a time, in a directory or a bucket; links are signed, expire, name their tenant."""

import re
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as MissingError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from harka import clock
from harka.config import ConfigurationError
from harka.errors import NotFoundError, UnavailableError, ValidationError
from harka.files.link import Link, Links, Purpose, require_tenant

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_PATH_CHARACTERS: Final = 512
# a segment begins with a letter or a digit, so there is no "..", no hidden file and no empty segment
_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_CHUNK_BYTES: Final = 65_536
_PART_BYTES: Final = 5 * 1024 * 1024
"""The least that a bucket takes as a part of an upload."""
_PARTS_AT_ONCE: Final = 2
_WINDOW_SECONDS: Final = 300
"""Links to one file that are made within a window are equal, so that browsers may know them again."""
_RETRIES: "Final[RetryConfig]" = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
"""Of requests to a bucket: whoever waits for them has a deadline."""
ADDRESS: Final = "/files/"
"""Below it this store's own links are answered, at the tenant's address."""


class StoredFile(msgspec.Struct, frozen=True):
    """`path`: relative to its tenant. `size`: bytes."""

    path: str
    size: int
    modified_at: datetime


class FileStore:
    """Every method takes the tenant first.

    They raise `TenantRequiredError` without one, `ValidationError` for a path that is not plain,
    `UnavailableError` when no store is configured or it does not answer.
    """

    def __init__(self, url: str | None, key: bytes) -> None:
        """`url`: `file:///directory` (made when missing), `s3://bucket`, None: no files. `key`: 32 bytes."""
        self._store = _opened(url) if url else None
        self._links = Links(key)

    async def write(self, tenant: UUID, path: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Create or replace in one step: a reader sees the old content or the new, never a part.

        Of a stream some ten megabytes are in memory, however long it is.
        """
        store, key = self._require_store(), _key(tenant, path)
        try:
            await obstore.put_async(
                store, key, content, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise UnavailableError("The file store does not answer.") from error

    async def find(self, tenant: UUID, path: str) -> StoredFile | None:
        store, key = self._require_store(), _key(tenant, path)
        try:
            found = await obstore.head_async(store, key)
        except (MissingError, FileNotFoundError):
            return None
        except BaseError as error:
            raise UnavailableError("The file store does not answer.") from error
        return StoredFile(path, found["size"], found["last_modified"])

    async def read(
        self, tenant: UUID, path: str, span: tuple[int, int] | None = None
    ) -> AsyncIterator[bytes]:
        """The content in pieces. `span`: the first byte and the one after the last. Raise `NotFoundError`."""
        store, key = self._require_store(), _key(tenant, path)
        try:
            found = await obstore.get_async(store, key, options={"range": span} if span else None)
        except (MissingError, FileNotFoundError):
            raise NotFoundError from None
        except BaseError as error:
            raise UnavailableError("The file store does not answer.") from error
        async for piece in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(piece)

    async def move(self, tenant: UUID, source: str, target: str) -> bool:
        """Put what is at `source` in the place of whatever is at `target`; False when nothing is there."""
        store, there, here = self._require_store(), _key(tenant, source), _key(tenant, target)
        try:
            await obstore.rename_async(store, there, here)
        except (MissingError, FileNotFoundError):
            return False
        except BaseError as error:
            raise UnavailableError("The file store does not answer.") from error
        return True

    async def delete(self, tenant: UUID, path: str) -> None:
        """A file that is not there counts as deleted."""
        store, key = self._require_store(), _key(tenant, path)
        try:
            await obstore.delete_async(store, key)
        except (MissingError, FileNotFoundError):
            return
        except BaseError as error:
            raise UnavailableError("The file store does not answer.") from error

    async def delete_below(self, tenant: UUID, path: str) -> None:
        """Every file whose path begins with `path` and a slash."""
        store, key = self._require_store(), _key(tenant, path)
        try:
            # the pieces of a list are at most a thousand files
            async for found in obstore.list(store, f"{key}/"):
                for each in found:
                    await obstore.delete_async(store, each["path"])
        except FileNotFoundError:
            return
        except BaseError as error:
            raise UnavailableError("The file store does not answer.") from error

    def sign(self, tenant: UUID, path: str, *, lifetime: float, name: str = "", media_type: str = "") -> str:
        """A token to read the file with: `open_link` takes it, at this tenant's address only.

        `lifetime`: seconds. `name`, `media_type`: as which it is shown; empty for those of its path.
        """
        _key(tenant, path)
        expires = int(clock.now().timestamp() + lifetime)
        return self._links.seal(tenant, Link(Purpose.READ, path, expires, name, media_type))

    def open_link(self, tenant: UUID, token: str) -> Link:
        """What `token` lets read. Forged, expired and foreign alike raise `NotFoundError`."""
        return self._links.open(tenant, token, Purpose.READ)

    def download_url(self, tenant: UUID, path: str, *, name: str, media_type: str) -> str:
        """Where the file is read, for five to ten minutes: relative to the tenant's address."""
        _key(tenant, path)
        now = int(clock.now().timestamp())
        expires = now - now % _WINDOW_SECONDS + 2 * _WINDOW_SECONDS
        return ADDRESS + self._links.seal(tenant, Link(Purpose.READ, path, expires, name, media_type))

    async def upload_url(self, tenant: UUID, path: str, *, size: int, lifetime: float) -> str:
        """Where the file is written by PUT, for `lifetime` seconds.

        Of a bucket its own address; otherwise relative to the tenant's, and `size` bytes are taken, no more
        and no fewer.
        """
        store, key = self._require_store(), _key(tenant, path)
        if isinstance(store, S3Store | GCSStore | AzureStore):
            return await obstore.sign_async(store, "PUT", key, timedelta(seconds=lifetime))
        expires = int(clock.now().timestamp() + lifetime)
        return ADDRESS + self._links.seal(tenant, Link(Purpose.WRITE, path, expires, size=size))

    def open_upload(self, tenant: UUID, token: str) -> Link:
        """What `token` lets write. Forged, expired and foreign alike raise `NotFoundError`."""
        return self._links.open(tenant, token, Purpose.WRITE)

    def _require_store(self) -> ObjectStore:
        if self._store is None:
            raise UnavailableError("No file store is configured.")
        return self._store


def _opened(url: str) -> ObjectStore:
    try:
        if url.startswith("file:"):
            return LocalStore.from_url(url, mkdir=True)
        return from_url(url) if url.startswith("memory:") else from_url(url, retry_config=_RETRIES)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"HARKA_FILES_URL: {url.partition(':')[0]} is not a usable store") from error


def _key(tenant: UUID, path: str) -> str:
    require_tenant(tenant)
    if len(path) > _PATH_CHARACTERS or not _PATH.fullmatch(path):
        raise ValidationError("This is not a file path.", field="path")
    return f"{tenant.hex}/{path}"
