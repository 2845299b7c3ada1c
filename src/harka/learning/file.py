"""Files that people upload. Their room is reserved before, what was uploaded is looked at after."""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.files import media
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import storage, visibility
from harka.learning.reading import readable
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import file as files
from harka.repositories.event import EventType
from harka.repositories.file import File, FileFilter
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.tenancy.permission import Permission

LONGEST_NAME: Final = 200
LARGEST: Final = 2_147_483_647
"""Bytes."""
MOST_PENDING: Final = 100
"""Uploads of one person that are open."""
UPLOAD_SECONDS: Final = 3600
"""How long a file may be uploaded."""
_ABANDONED_AFTER: Final = timedelta(seconds=2 * UPLOAD_SECONDS)
"""What has begun in time may end; after this nothing of it can arrive any more."""
_RELEASED_AT_ONCE: Final = 100


class FileStatus(enum.StrEnum):
    PENDING = "pending"
    READY = "ready"


class UploadDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`size`: bytes. `media_type`: one of `media.media_types()`."""

    name: str
    size: int
    media_type: str


class Upload(msgspec.Struct, frozen=True):
    """`url`: where `file` is sent by PUT, until `expires_at`."""

    file: File
    url: str
    expires_at: datetime


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[File]:
    """By id, those that are the reader's own, or shown to the reader somewhere; to administrators all."""
    work.context.require(Permission.COURSE_READ)
    found = await files.find_by_ids(work.session, ids)
    if _sees_all(work):
        return ByKey(found)
    others = [each.id for each in found if not _is_own(work, each)]
    shown = await _shown(work, others) if others else set()
    return ByKey([each for each in found if each.id in shown or each.id not in others])


async def list_page(
    work: UnitOfWork,
    only: FileFilter,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[File]:
    """The next `first` that match: of everybody's for administrators, of one's own for others."""
    shown = _shown_of(work, only)
    if shown is None:
        return []
    return await files.list_page(work.session, shown, after=after, first=first, order=order)


async def count(work: UnitOfWork, only: FileFilter) -> int:
    """How many match, of those that the reader lists."""
    shown = _shown_of(work, only)
    return 0 if shown is None else await files.count(work.session, shown)


async def create_upload(work: UnitOfWork, store: FileStore, draft: UploadDraft) -> Upload:
    """Reserve the room for a file that is to come, and say where to. Whoever is first gets the last room.

    Raise `ValidationError`, and `PlanLimitError` when there is no room.
    """
    work.context.require(Permission.FILE_WRITE)
    now, owner = clock.now(), _owner(work)
    file = row_of(draft, owner, now)
    if owner is not None and await files.count_pending(work.session, owner) >= MOST_PENDING:
        raise ValidationError("Finish the uploads that you have begun.")
    await storage.take(work, file.size, field="size")
    await files.insert(work.session, file)
    url = await store.upload_url(work.context.id, _arriving(file.id), size=file.size, lifetime=UPLOAD_SECONDS)
    return Upload(file, url, now + timedelta(seconds=UPLOAD_SECONDS))


async def complete_upload(work: UnitOfWork, store: FileStore, id_: UUID) -> File:
    """Look at what was uploaded. Done already, nothing happens.

    It is taken out of reach of the address it was sent to, and looked at then: who still has that address
    cannot put something else in its place. Raise `NotFoundError`, and `ValidationError` for another size or
    kind than was said: what was uploaded is gone then, and may be uploaded again.
    """
    work.context.require(Permission.FILE_WRITE)
    file = await files.lock(work.session, id_)
    if file is None or not _is_own(work, file):
        raise NotFoundError("There is no such upload here.")
    if file.status == FileStatus.READY:
        return file
    await store.move(work.context.id, _arriving(file.id), path_of(file.id))
    await require_as_said(store, work.context.id, file)
    work.record(EventType.FILE_UPLOADED, file.id, user_id=file.user_id)
    return await files.complete(work.session, file.id)


async def require_as_said(store: FileStore, tenant: UUID, file: File) -> None:
    """Raise `ValidationError` unless there is content of its size and kind: what is there is gone then."""
    path = path_of(file.id)
    arrived = await store.find(tenant, path)
    if arrived is None:
        raise ValidationError("Nothing was uploaded yet.", field="fileId")
    is_whole = arrived.size == file.size
    if not is_whole or not await _fits(store, tenant, file):
        await store.delete(tenant, path)
        told = f"not a file of type {file.media_type}" if is_whole else f"not of {file.size:,} bytes"
        raise ValidationError(f"What was uploaded is {told}.", field="fileId")


async def delete(work: UnitOfWork, store: FileStore, id_: UUID, *, version: int) -> File:
    """Take away a file of one's own that is shown nowhere; its room is free. Answers what it was.

    Raise `NotFoundError`, and `ConflictError` for another version and while something refers to it.
    """
    work.context.require(Permission.FILE_WRITE)
    file = await files.lock(work.session, id_)
    if file is None or not _is_own(work, file):
        raise _no_file()
    if file.version != version:
        raise ConflictError
    if not await files.delete(work.session, id_, version):
        raise ConflictError("This file is in use.")
    _forget(work, store, [id_])
    work.record(EventType.FILE_DELETED, id_, user_id=file.user_id)
    return file


async def release_abandoned(work: UnitOfWork, store: FileStore) -> int:
    """Give back the room of uploads that were never completed, and whatever arrived of them.

    Answers how many; the rest, if there are very many, is for the next time. For jobs.
    """
    work.context.require(Permission.FILE_WRITE)
    gone = await files.delete_abandoned(work.session, most=_RELEASED_AT_ONCE)
    _forget(work, store, gone)
    return len(gone)


async def require_ready(work: UnitOfWork, id_: UUID, field: str) -> File:
    """A file that the caller may show to others. Raise `NotFoundError` or `ValidationError`."""
    file = (await find_many(work, [id_])).get(id_)
    if file is None:
        raise _no_file(field)
    _require_there(file, field)
    return file


async def require_own(work: UnitOfWork, ids: Sequence[UUID], field: str) -> None:
    """Raise for what is not a file of the caller's own that is there: `NotFoundError`, `ValidationError`."""
    found = {each.id: each for each in await files.find_by_ids(work.session, ids)}
    for id_ in ids:
        if id_ not in found or not _is_own(work, found[id_]):
            raise _no_file(field)
        _require_there(found[id_], field)


def download_url(work: UnitOfWork, store: FileStore, file: File) -> str | None:
    """For who was shown the file: whoever has the address may read it, for some minutes."""
    if file.status != FileStatus.READY:
        return None
    return store.download_url(work.context.id, path_of(file.id), name=file.name, media_type=file.media_type)


def path_of(id_: UUID) -> str:
    """Where a file is that is ready."""
    return f"uploads/{id_.hex}"


def _arriving(id_: UUID) -> str:
    return f"arriving/{id_.hex}"


def _no_file(field: str | None = None) -> NotFoundError:
    return NotFoundError("There is no such file here.", field=field)


def _require_there(file: File, field: str) -> None:
    if file.status != FileStatus.READY:
        raise ValidationError("This file is not uploaded yet.", field=field)


def _sees_all(work: UnitOfWork) -> bool:
    """Who answers for what the organization keeps; a manager of groups does not."""
    return work.context.allows(Permission.ORGANIZATION_WRITE) and work.context.manager is None


def _shown_of(work: UnitOfWork, only: FileFilter) -> FileFilter | None:
    """What to look for, of what was asked for; None for nothing."""
    work.context.require(Permission.COURSE_READ)
    if _sees_all(work):
        return only
    owner = _owner(work)
    if only.user_id not in (None, owner):
        return None
    return msgspec.structs.replace(only, user_id=owner, of_programs=owner is None)


def _owner(work: UnitOfWork) -> UUID | None:
    return None if work.context.user is None else work.context.user.id


def _is_own(work: UnitOfWork, file: File) -> bool:
    """Programs have theirs in common."""
    return file.user_id == _owner(work)


async def _shown(work: UnitOfWork, ids: Sequence[UUID]) -> set[UUID]:
    """Those of a lesson whose content the reader may have, and those handed in by whom the reader grades."""
    places = await files.places(work.session, ids)
    open_lessons = set(await readable(work, list({each.lesson_id for each in places})))
    shown = {each.file_id for each in places if each.lesson_id in open_lessons}
    if work.context.allows(Permission.ENROLLMENT_READ):
        scope = visibility.of_enrollments(work.context)
        shown |= await files.handed_in(work.session, scope, [id_ for id_ in ids if id_ not in shown])
    return shown


async def _fits(store: FileStore, tenant: UUID, file: File) -> bool:
    path, size = path_of(file.id), file.size
    spans = (0, min(media.HEAD_BYTES, size)), (max(0, size - media.HEAD_BYTES), size)
    head, tail = [b"".join([piece async for piece in store.read(tenant, path, span)]) for span in spans]
    return media.fits(file.media_type, head, tail)


def _forget(work: UnitOfWork, store: FileStore, ids: Sequence[UUID]) -> None:
    """Of what is gone from the database, once it is."""
    for id_ in ids:
        for path in (path_of(id_), _arriving(id_)):
            work.after_commit(partial(store.delete, work.context.id, path))


def row_of(draft: UploadDraft, owner: UUID | None, now: datetime, *, id_: UUID | None = None) -> File:
    """One that is to come. Raise `ValidationError`."""
    name = accept_line(draft.name, "name", longest=LONGEST_NAME)
    if not 1 <= draft.size <= LARGEST:
        raise ValidationError(f"A file has 1 to {LARGEST:,} bytes.", field="size")
    if not media.is_known(draft.media_type):
        raise ValidationError(f"One of {', '.join(media.media_types())}.", field="mediaType")
    return File(
        id=id_ or new_id(),
        user_id=owner,
        name=name,
        size=draft.size,
        media_type=draft.media_type,
        status=FileStatus.PENDING,
        expires_at=now + _ABANDONED_AFTER,
        created_at=now,
        updated_at=now,
        version=1,
    )
