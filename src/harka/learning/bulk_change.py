"""Very many people enrolled, made or changed by a job, in parts: each part once, whoever dies meanwhile.

A part is one transaction: it holds the change, does what comes after what is done, writes down what became of
each entry, and says how many are done. Whoever goes on, be it another worker, goes on after that.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from harka.auth.delegation import Delegate, delegate_of
from harka.errors import HarkaError, InvalidIdError, NotFoundError, QueueLimitError, ValidationError
from harka.ids import new_id
from harka.learning import bulk_enrollment, bulk_user
from harka.learning.bulk_enrollment import MOST, OnError
from harka.learning.bulk_user import UserEntry
from harka.learning.enrollment import require_published, require_term
from harka.learning.work import UnitOfWork
from harka.queue.message import BULK_ENROLL, BULK_USERS
from harka.repositories import bulk_change as changes
from harka.repositories.bulk_change import (
    BulkChange,
    BulkKind,
    BulkResult,
    BulkState,
    NewBulkChange,
    NewBulkResult,
    Standing,
)
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.tenancy.permission import Permission

AT_ONCE: Final = 1_000
"""Entries that are dealt with before the answer; more are a job's."""
MOST_OPEN: Final = 20
"""Changes of an organization that wait or are made."""
KEPT: Final = 7 * 86_400.0
"""Seconds from when a change was asked for until it is forgotten, with its results."""
_PART: Final = 500
"""Entries of a transaction: enough to be worth it, few enough that others need not wait for its locks."""
_LONGEST_MESSAGE: Final = 500

# what an entry may be refused for before any rule has seen it
_EARLY: Final[Mapping[str, type[HarkaError]]] = {
    error.code: error for error in (InvalidIdError, NotFoundError, ValidationError)
}


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of many: `who`, or, where that cannot be, why: `code`, `message` and `field` of the error."""

    who: UUID | UserEntry | None = None
    code: str | None = None
    message: str | None = None
    field: str | None = None


class EnrollLater(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a job that enrolls: see `bulk_enrollment.enroll`. Each `who` is the id of a user."""

    change_id: UUID
    delegate: Delegate
    course_id: UUID
    on_error: str
    entries: list[Entry]
    due_at: datetime | None = None
    expires_at: datetime | None = None
    dry_run: bool = False


class WriteLater(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a job that makes and changes people: see `bulk_user.write`. Each `who` is an entry."""

    change_id: UUID
    delegate: Delegate
    on_error: str
    entries: list[Entry]
    dry_run: bool = False


class _Outcome(msgspec.Struct, frozen=True):
    """`results`: numbered from 0. `rejected`: nothing was done, since somebody failed."""

    results: list[NewBulkResult]
    rejected: bool


def require_few(entries: Sequence[object], field: str) -> None:
    """Raise `ValidationError` for more than `MOST`."""
    if len(entries) > MOST:
        raise ValidationError(f"At most {MOST:,} people at once.", field=field)


async def enroll_later(
    work: UnitOfWork,
    course_id: UUID,
    people: Sequence[UUID | HarkaError],
    *,
    on_error: str,
    seal_key: bytes,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    dry_run: bool = False,
) -> BulkChange:
    """Have a job do what `bulk_enrollment.enroll` does, with what the actor may do then.

    Raise `NotFoundError` and `ValidationError` for what is wrong with the course or the dates already,
    `ValidationError` for more than `MOST`, `QueueLimitError`.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    require_few(people, "userIds")
    require_term(due_at, expires_at)
    await require_published(work, {course_id})
    payload = EnrollLater(
        change_id=new_id(),
        delegate=delegate_of(work.context),
        course_id=course_id,
        on_error=str(on_error),
        entries=[_entry(each) for each in people],
        due_at=due_at,
        expires_at=expires_at,
        dry_run=dry_run,
    )
    return await _put_in(work, BulkKind.ENROLL, payload, seal_key, course_id=course_id)


async def write_later(
    work: UnitOfWork,
    entries: Sequence[UserEntry | HarkaError],
    *,
    on_error: str,
    seal_key: bytes,
    dry_run: bool = False,
) -> BulkChange:
    """Have a job do what `bulk_user.write` does, with what the actor may do then.

    Raise `ValidationError` for more than `MOST`, `QueueLimitError`.
    """
    work.context.require(Permission.USER_WRITE)
    require_few(entries, "users")
    payload = WriteLater(
        change_id=new_id(),
        delegate=delegate_of(work.context),
        on_error=str(on_error),
        entries=[_entry(each) for each in _named_once(entries)],
        dry_run=dry_run,
    )
    return await _put_in(work, BulkKind.USERS, payload, seal_key)


async def enroll_part(work: UnitOfWork, given: EnrollLater) -> Standing:
    """Deal with the next entries, in this transaction; as how far it is then. For jobs, as who asked."""

    async def do(entries: list[Entry]) -> _Outcome:
        people = [each.who if isinstance(each.who, UUID) else _error(each) for each in entries]
        done = await bulk_enrollment.enroll(
            work,
            given.course_id,
            people,
            on_error=OnError(given.on_error),
            due_at=given.due_at,
            expires_at=given.expires_at,
            dry_run=given.dry_run,
        )
        results = [
            _result(
                fate.index,
                fate.refused,
                fate.created,
                user_id=fate.user_id,
                enrollment_id=None if fate.enrollment is None else fate.enrollment.id,
            )
            for fate in done.fates
        ]
        return _Outcome(results, done.rejected)

    return await _part(work, given, do)


async def write_part(work: UnitOfWork, given: WriteLater) -> Standing:
    """Like `enroll_part`."""

    async def do(entries: list[Entry]) -> _Outcome:
        people = [each.who if isinstance(each.who, UserEntry) else _error(each) for each in entries]
        done = await bulk_user.write(work, people, on_error=OnError(given.on_error), dry_run=given.dry_run)
        results = [
            _result(
                fate.index,
                fate.refused,
                fate.created,
                user_id=None if fate.user is None else fate.user.id,
            )
            for fate in done.fates
        ]
        return _Outcome(results, done.rejected)

    return await _part(work, given, do)


async def fail(work: UnitOfWork, id_: UUID, error: HarkaError) -> None:
    """What cannot be gone on with; what is done stays so. For jobs."""
    if await changes.fail(work.session, id_, f"{error.code}: {error.message}"[:_LONGEST_MESSAGE]):
        work.record(EventType.BULK_CHANGE_FINISHED, id_)


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[BulkChange]:
    """By id, those that the reader asked for; with `job:read` anybody's, unless groups bound the reader."""
    return ByKey(await changes.find_by_ids(work.session, ids, actor=_asker(work)))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    kind: str | None = None,
    state: str | None = None,
) -> Sequence[BulkChange]:
    """The next `first` in that order. `kind`, `state`: None for any."""
    return await changes.list_page(
        work.session, after=after, first=first, actor=_asker(work), order=order, kind=kind, state=state
    )


async def count(work: UnitOfWork, *, kind: str | None = None, state: str | None = None) -> int:
    return await changes.count(work.session, actor=_asker(work), kind=kind, state=state)


async def list_results(
    work: UnitOfWork, id_: UUID, *, after: int, first: int, only_failed: bool
) -> Sequence[BulkResult]:
    """In the order of the entries, those after number `after`. Nothing of a change that is not to be seen."""
    return await changes.list_results(
        work.session, id_, actor=_asker(work), after=after, first=first, only_failed=only_failed
    )


async def count_results(work: UnitOfWork, id_: UUID, *, only_failed: bool) -> int:
    return await changes.count_results(work.session, id_, actor=_asker(work), only_failed=only_failed)


async def forget_old(work: UnitOfWork) -> int:
    """How many. For jobs."""
    return await changes.delete_old(work.session, older_than=KEPT)


def _asker(work: UnitOfWork) -> UUID | None:
    """Whose changes the reader sees: None for anybody's; nobody's where the reader is nobody.

    A change of somebody else's names people beyond a manager's groups, and tells how many they are.
    """
    if work.context.allows(Permission.JOB_READ) and work.context.manager is None:
        return None
    return work.context.actor.id or work.context.id


def _named_once(entries: Sequence[UserEntry | HarkaError]) -> list[UserEntry | HarkaError]:
    """Who is named again is refused, as they would be in one transaction: parts do not know of each other."""
    seen: set[UUID] = set()
    kept: list[UserEntry | HarkaError] = []
    for each in entries:
        id_ = each.id if isinstance(each, UserEntry) else None
        kept.append(NotFoundError("They are named before.", field="id") if id_ in seen else each)
        if id_ is not None:
            seen.add(id_)
    return kept


async def _put_in(
    work: UnitOfWork,
    kind: BulkKind,
    payload: EnrollLater | WriteLater,
    seal_key: bytes,
    *,
    course_id: UUID | None = None,
) -> BulkChange:
    # whoever counts holds the queue, so that two cannot both put in the last one
    await work.require_room()
    if await changes.count_open(work.session, most=MOST_OPEN) >= MOST_OPEN:
        raise QueueLimitError(f"{MOST_OPEN} changes to many wait already: let some of them end.")
    job = await work.enqueue(
        BULK_ENROLL if kind is BulkKind.ENROLL else BULK_USERS,
        msgspec.to_builtins(payload),
        seal_key=seal_key,
    )
    new = NewBulkChange(
        id=payload.change_id,
        kind=kind,
        course_id=course_id,
        on_error=payload.on_error,
        dry_run=payload.dry_run,
        actor_id=payload.delegate.id,
        job_id=job,
        total=len(payload.entries),
    )
    await changes.insert(work.session, new)
    return (await changes.find_by_ids(work.session, [new.id], actor=None))[0]


async def _part(
    work: UnitOfWork, given: EnrollLater | WriteLater, do: Callable[[list[Entry]], Any]
) -> Standing:
    held = await changes.lock(work.session, given.change_id)
    if held is None:
        raise NotFoundError("This change was forgotten before it was made.")
    if held.outcome is not None:
        return held
    # all or nothing is one part, and so is what would become of each if all were done
    is_whole = given.on_error == OnError.REJECT_EVERYTHING or given.dry_run
    entries = given.entries[held.done :] if is_whole else given.entries[held.done : held.done + _PART]
    outcome: _Outcome = await do(entries)
    failed = sum(each.error_code is not None for each in outcome.results)
    if not outcome.rejected:
        # those that failed and are not to be told of
        failed = failed or len(entries) - len(outcome.results)
    created = sum(each.created for each in outcome.results)
    done = held.done + len(entries)
    state = BulkState.REJECTED if outcome.rejected else BulkState.DONE if done == held.total else None
    numbered = [msgspec.structs.replace(each, number=each.number + held.done) for each in outcome.results]
    await changes.insert_results(work.session, given.change_id, numbered)
    await changes.advance(
        work.session,
        given.change_id,
        done=len(entries),
        created=created,
        existing=0 if outcome.rejected else len(entries) - created - failed,
        failed=failed,
        outcome=state,
    )
    if state is not None:
        work.record(EventType.BULK_CHANGE_FINISHED, given.change_id)
    return Standing(done, held.total, state)


def _entry(given: UUID | UserEntry | HarkaError) -> Entry:
    if isinstance(given, HarkaError):
        return Entry(code=given.code, message=given.message, field=given.field)
    return Entry(who=given)


def _error(entry: Entry) -> HarkaError:
    return _EARLY[entry.code or ValidationError.code](entry.message, field=entry.field)


def _result(
    number: int,
    refused: HarkaError | None,
    created: bool,  # noqa: FBT001 - a column
    *,
    user_id: UUID | None,
    enrollment_id: UUID | None = None,
) -> NewBulkResult:
    return NewBulkResult(
        number=number,
        user_id=user_id,
        enrollment_id=enrollment_id,
        created=created,
        error_code=None if refused is None else refused.code,
        error_message=None if refused is None else refused.message[:_LONGEST_MESSAGE],
        error_field=None if refused is None else refused.field,
    )
