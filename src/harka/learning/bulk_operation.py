"""A query over all that a list has, run by a job page by page into a file: each line once, whoever dies.

Pages come together to a part; a part is a file of its own, and counts once the row says so. Whoever goes on,
be it another worker, goes on after the last that counts. In the end the parts become one file to download.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from harka.auth.delegation import Delegate, delegate_of
from harka.codec import packed, unpacked
from harka.crypto import envelope
from harka.errors import ConflictError, NotFoundError, QueueLimitError
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import storage
from harka.learning.work import UnitOfWork
from harka.queue.message import BULK_OPERATION
from harka.repositories import bulk_operation as operations
from harka.repositories import job as jobs
from harka.repositories.bulk_operation import (
    BulkOperation,
    BulkOperationState,
    NewBulkOperation,
    NewPart,
    Progress,
)
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.tenancy.permission import Permission

MOST_OPEN: Final = 5
"""Operations of an organization that wait or run."""
MOST_KEPT: Final = 100
"""Of an organization, with those that are over."""
KEPT: Final = timedelta(days=7)
"""From when an operation was asked for until it is forgotten, with its file."""
LEFT: Final = timedelta(hours=1)
"""From when the job of an operation failed for good or was cancelled until the operation goes with it."""
MOST_BYTES: Final = 1_073_741_824
"""Of a file."""
LIST: Final = "list"
"""Under which name a document answers each page."""
AFTER: Final = "harkaAfter"
"""The variable of a document: the cursor of the page before."""
MEDIA_TYPE: Final = "application/jsonl"
_FORGOTTEN_AT_ONCE: Final = 20
_LONGEST_MESSAGE: Final = 500


class RunQuery(msgspec.Struct, frozen=True):
    """The payload of the job."""

    operation_id: UUID
    delegate: Delegate


class QueryDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`query`: as it was given. `document`: what is executed for each page, made of it. `variables`: JSON.

    All of it may name people, and is sealed at rest.
    """

    query: str
    variables: str
    document: str


class Part(msgspec.Struct, frozen=True):
    """Some pages: a line for each of `objects`, and after which cursor to go on. `last`: nothing is left."""

    lines: bytes
    objects: int
    cursor: str | None
    last: bool


async def create(work: UnitOfWork, draft: QueryDraft, *, seal_key: bytes) -> BulkOperation:
    """Have a job run the query, as the caller, with what they may see then.

    Raise `QueueLimitError`: too many wait, or are kept.
    """
    work.context.require(Permission.JOB_WRITE)
    # whoever counts holds the queue, so that two cannot both put in the last one
    await work.require_room()
    kept, is_open = await operations.count_all(work.session)
    if is_open >= MOST_OPEN:
        raise QueueLimitError(f"{MOST_OPEN} bulk operations wait or run: let one of them end.")
    if kept >= MOST_KEPT:
        raise QueueLimitError(
            f"{MOST_KEPT} bulk operations are kept: the oldest goes {KEPT.days} days after it was made."
        )
    id_, delegate = new_id(), delegate_of(work.context)
    job = await work.enqueue(BULK_OPERATION, msgspec.to_builtins(RunQuery(id_, delegate)), seal_key=seal_key)
    new = NewBulkOperation(
        id=id_,
        sealed=_sealed(seal_key, draft, tenant=work.context.id, operation=id_),
        scopes=" ".join(delegate.scopes),
        actor_id=delegate.id,
        job_id=job,
    )
    await operations.insert(work.session, new)
    return (await find_many(work, [id_]))[id_]


def asked_for(of: BulkOperation | Progress, *, tenant: UUID, seal_key: bytes) -> QueryDraft:
    """What it asks for; see `Keyring.seal` for the key. Raise `BrokenSealError`."""
    if of.sealed is None:
        # it is older than that this is sealed
        return QueryDraft(query=of.query or "", variables=of.variables or "{}", document=of.document or "")
    opened = envelope.open_sealed(seal_key, of.sealed, tenant=tenant, purpose=_purpose(of.id))
    return unpacked(opened, QueryDraft)


async def cancel(
    work: UnitOfWork, store: FileStore, id_: UUID, *, version: int | None = None
) -> BulkOperation:
    """What was written of it goes. Done twice, nothing changes.

    Raise `ConflictError` for one that is over, and for another `version`; `NotFoundError`.
    """
    work.context.require(Permission.JOB_WRITE)
    found = (await find_many(work, [id_])).get(id_)
    if found is None:
        raise NotFoundError("There is no such bulk operation here.", field="id")
    if found.state == BulkOperationState.CANCELLED and version in (None, found.version):
        return found
    if not await operations.end(work.session, id_, BulkOperationState.CANCELLED, version=version):
        raise ConflictError(
            None if version not in (None, found.version) else f"This is {found.state}.", field="id"
        )
    if await jobs.cancel(work.session, found.job_id, None) is not None:
        work.signal()
    _forget(work, store, [id_])
    _tell(work, id_)
    return (await find_many(work, [id_]))[id_]


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[BulkOperation]:
    work.context.require(Permission.JOB_READ)
    return ByKey(await operations.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None = None,
) -> Sequence[BulkOperation]:
    """The next `first` in that order. `state`: None for any."""
    work.context.require(Permission.JOB_READ)
    return await operations.list_page(work.session, after=after, first=first, order=order, state=state)


async def count(work: UnitOfWork, *, state: str | None = None) -> int:
    work.context.require(Permission.JOB_READ)
    return await operations.count(work.session, state=state)


def expires_at(operation: BulkOperation) -> datetime:
    return operation.created_at + KEPT


def download_url(work: UnitOfWork, store: FileStore, operation: BulkOperation) -> str | None:
    """For whoever asked for it and may still do all that they might then, and nobody else; for some minutes.

    In the file is what they might see.
    """
    context = work.context
    is_theirs = context.actor.id == operation.actor_id
    if not is_theirs or not context.permissions.issuperset(operation.scopes.split()):
        return None
    if operation.state != BulkOperationState.DONE:
        return None
    name = f"bulk-{operation.created_at:%Y%m%d-%H%M%S}.jsonl"
    return store.download_url(work.context.id, _result(operation.id), name=name, media_type=MEDIA_TYPE)


async def progress(work: UnitOfWork, id_: UUID) -> Progress:
    """How far it is. For jobs. Raise `NotFoundError`."""
    found = await operations.progress(work.session, id_)
    if found is None:
        raise NotFoundError("This bulk operation was forgotten before it was done.")
    return found


async def write_part(store: FileStore, tenant: UUID, id_: UUID, number: int, part: Part) -> NewPart:
    """Put it into the store, where it counts for nothing yet. For jobs.

    Its name tells what is in it: of two workers who both believe that it is their turn neither can put
    another text in the place of one that counts.
    """
    name = f"{number}-{hashlib.sha256(part.lines).hexdigest()[:32]}"
    await store.write(tenant, f"{_parts(id_)}/{name}", part.lines)
    return NewPart(
        name=name, objects=part.objects, bytes=len(part.lines), cursor=part.cursor, all_read=part.last
    )


async def add_part(work: UnitOfWork, id_: UUID, part: NewPart, *, after: int) -> None:
    """From now on it counts, if it is the next `after` so many. For jobs."""
    await operations.add_part(work.session, id_, part, after=after)


async def write_result(store: FileStore, tenant: UUID, id_: UUID, given: Progress) -> None:
    """Make one file of all parts; however often, it is the same. For jobs."""

    async def pieces() -> AsyncIterator[bytes]:
        for name in given.parts:
            async for piece in store.read(tenant, f"{_parts(id_)}/{name}"):
                yield piece

    await store.write(tenant, _result(id_), pieces() if given.bytes else b"")


async def finish(work: UnitOfWork, store: FileStore, id_: UUID, given: Progress) -> None:
    """Its file is there, and takes room as other files do. For jobs. Raise `PlanLimitError`."""
    if await operations.end(work.session, id_, BulkOperationState.DONE):
        if given.bytes:
            await storage.take(work, given.bytes)
        work.after_commit(partial(store.delete_below, work.context.id, _parts(id_)))
        _tell(work, id_)


async def fail(work: UnitOfWork, store: FileStore, id_: UUID, *, code: str, message: str) -> None:
    """It cannot be gone on with, and what was written goes. For jobs."""
    words = message[:_LONGEST_MESSAGE]
    if await operations.end(work.session, id_, BulkOperationState.FAILED, code=code, error=words):
        _forget(work, store, [id_])
        _tell(work, id_)


async def end_left(work: UnitOfWork, store: FileStore) -> int:
    """How many whose job is over without them are over now, too; what was written of them goes. For jobs.

    Some time after: a job that was tried again in between has gone on where it was.
    """
    ended = await operations.end_left(work.session, over_for=LEFT.total_seconds(), most=_FORGOTTEN_AT_ONCE)
    _forget(work, store, ended)
    for id_ in ended:
        _tell(work, id_)
    return len(ended)


async def forget_old(work: UnitOfWork, store: FileStore) -> int:
    """How many, with their files; the rest, if there are very many, is for the next time. For jobs."""
    gone = await operations.delete_old(work.session, older_than=KEPT.total_seconds(), most=_FORGOTTEN_AT_ONCE)
    _forget(work, store, gone)
    return len(gone)


def _sealed(key: bytes, draft: QueryDraft, *, tenant: UUID, operation: UUID) -> bytes:
    return envelope.seal(key, packed(draft), tenant=tenant, purpose=_purpose(operation))


def _purpose(operation: UUID) -> str:
    return f"bulk_operation:{operation}"


def _tell(work: UnitOfWork, id_: UUID) -> None:
    """It is over, however it ended."""
    work.record(EventType.BULK_OPERATION_FINISHED, id_)


def _forget(work: UnitOfWork, store: FileStore, ids: Sequence[UUID]) -> None:
    for id_ in ids:
        work.after_commit(partial(store.delete_below, work.context.id, _place(id_)))


def _place(id_: UUID) -> str:
    return f"bulk/{id_.hex}"


def _parts(id_: UUID) -> str:
    return f"{_place(id_)}/parts"


def _result(id_: UUID) -> str:
    return f"{_place(id_)}/result.jsonl"
