"""The stream of what has happened, for who may see everybody: programs read on from where they were."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from harka import clock
from harka.ids import NodeKind, earliest_id
from harka.learning.work import UnitOfWork
from harka.repositories import event as events
from harka.repositories.event import IN_LINE, Event
from harka.repositories.page import Order, Position
from harka.rows import ByKey
from harka.tenancy.permission import Permission

DAYS_KEPT: Final = 30
_FORGOTTEN_AT_ONCE: Final = 10_000

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

    `types`: None for all.
    """
    require_reader(work)
    return await events.list_page(work.session, after=after, first=first, types=types, order=order)


async def count(work: UnitOfWork, *, types: Sequence[str] | None = None) -> int:
    require_reader(work)
    return await events.count(work.session, types=types)


async def forget_old(work: UnitOfWork) -> int:
    """Those older than `DAYS_KEPT`, so many at a time; how many."""
    return await events.delete_old(work.session, _earliest(), most=_FORGOTTEN_AT_ONCE)


def is_kept(id_: UUID) -> bool:
    """Whether an event of this id is not yet to be forgotten: what came right after an older one may be."""
    return id_ >= _earliest()


def _earliest() -> UUID:
    return earliest_id(clock.now() - timedelta(days=DAYS_KEPT))


def require_reader(work: UnitOfWork) -> None:
    """Raise for who may not read events, or does not see everybody."""
    work.context.require(Permission.EVENT_READ)
    work.context.require_everybody()
