"""The stream of what has happened, for who may see everybody: programs read on from where they were."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from harka import clock
from harka.errors import CursorExpiredError
from harka.ids import NodeKind, earliest_id
from harka.learning.work import UnitOfWork
from harka.repositories import event as events
from harka.repositories import webhook_endpoint as endpoints
from harka.repositories.event import IN_LINE, Event
from harka.repositories.page import Order, Position
from harka.rows import ByKey
from harka.tenancy.permission import Permission

DAYS_KEPT: Final = 30
_FORGOTTEN_AT_ONCE: Final = 10_000
_LONGEST_TRANSACTION: Final = timedelta(days=1)
"""More than any lasts: by so much less may an event be older than the one before it in the line."""

SUBJECTS: Final[dict[str, NodeKind]] = {
    "user": NodeKind.USER,
    "course": NodeKind.COURSE,
    "enrollment": NodeKind.ENROLLMENT,
    "certificate": NodeKind.CERTIFICATE,
    "submission": NodeKind.SUBMISSION,
    "group": NodeKind.GROUP,
    "role": NodeKind.CUSTOM_ROLE,
    "invitation": NodeKind.INVITATION,
    "module": NodeKind.MODULE,
    "lesson": NodeKind.LESSON,
    "quiz": NodeKind.QUIZ,
    "quiz_attempt": NodeKind.QUIZ_ATTEMPT,
    "assignment": NodeKind.ASSIGNMENT,
    "category": NodeKind.CATEGORY,
    "tag": NodeKind.TAG,
    "learning_path": NodeKind.LEARNING_PATH,
    "learning_path_enrollment": NodeKind.LEARNING_PATH_ENROLLMENT,
    "branding": NodeKind.BRANDING,
    "file": NodeKind.FILE,
    "bulk_operation": NodeKind.BULK_OPERATION,
    "bulk_change": NodeKind.BULK_CHANGE,
}
"""What the first word of an event's type names."""


def subject_kind(event: Event) -> NodeKind:
    return SUBJECTS[event.type.partition(".")[0]]


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Event]:
    require_reader(work)
    return ByKey(await events.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = IN_LINE,
    types: Sequence[str] | None = None,
) -> Sequence[Event]:
    """The next `first` of these types, in the order in which they can be relied on, or from its end.

    `types`: None for all. Raise `CursorExpiredError` where what came next is forgotten.
    """
    require_reader(work)
    found = await events.list_page(work.session, after=after, first=first, types=types, order=order)
    if after is not None and order == IN_LINE:
        # after the page: what is forgotten between the two is noticed
        await require_kept(work, after, types=types)
    return found


async def count(work: UnitOfWork, *, types: Sequence[str] | None = None) -> int:
    require_reader(work)
    return await events.count(work.session, types=types)


async def forget_old(work: UnitOfWork) -> int:
    """Those older than `DAYS_KEPT`, so many at a time; how many."""
    # in a statement before: a replay is over by then, or will see what is gone
    await endpoints.lock_all(work.session)
    return await events.delete_old(work.session, _earliest(), most=_FORGOTTEN_AT_ONCE)


async def require_kept(work: UnitOfWork, after: Position, *, types: Sequence[str] | None) -> None:
    """Raise `CursorExpiredError` when something of these types that came after this place is forgotten."""
    # without asking, where nothing near is old enough: in the line events may be younger than the next
    if after[1] < _earliest(younger=_LONGEST_TRANSACTION) and await events.is_gone(
        work.session, after, types=types
    ):
        raise CursorExpiredError


def _earliest(*, younger: timedelta = timedelta()) -> UUID:
    return earliest_id(clock.now() - timedelta(days=DAYS_KEPT) + younger)


def require_reader(work: UnitOfWork) -> None:
    """Raise for who may not read events, or does not see everybody."""
    work.context.require(Permission.EVENT_READ)
    work.context.require_everybody()
