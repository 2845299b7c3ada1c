from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from harka.errors import ValidationError
from harka.graph.context import Info, RequestContext
from harka.graph.cursor import Listing
from harka.graph.enums import ActorKind, OrderDirection
from harka.graph.event_enums import EventType
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.certificate import CertificateByIdLoader
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.event import EventByIdLoader
from harka.graph.loaders.submission import SubmissionByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, find_of_kind, node_type
from harka.graph.order_enums import EventOrder
from harka.graph.pagination import After, Connection, First, Slice, ordered, paginate
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import event
from harka.learning.event import DAYS_KEPT
from harka.repositories.event import IN_LINE
from harka.repositories.event import Event as EventRow
from harka.repositories.page import Position
from harka.tenancy.permission import Permission

_STREAM: Final = "events"
_ACTORS = {
    ActorKind.USER: NodeKind.USER,
    ActorKind.API_KEY: NodeKind.API_KEY,
    ActorKind.SCIM: NodeKind.SCIM_TOKEN,
    ActorKind.JOB: NodeKind.TENANT_JOB,
}


def _sealed(info: Info, kind: NodeKind, id_: UUID) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, kind, id_)


def _subject_id(root: EventRow, info: Info) -> str:
    return _sealed(info, event.subject_kind(root), root.subject_id)


async def _subject(root: EventRow, info: Info) -> Any:
    return await find_of_kind(info.context, event.subject_kind(root), root.subject_id)


def _actor_id(root: EventRow, info: Info) -> str | None:
    kind = _ACTORS.get(ActorKind(root.actor_kind))
    return None if kind is None or root.actor_id is None else _sealed(info, kind, root.actor_id)


def _user_id(root: EventRow, info: Info) -> str | None:
    return None if root.user_id is None else _sealed(info, NodeKind.USER, root.user_id)


def _course_id(root: EventRow, info: Info) -> str | None:
    return None if root.course_id is None else _sealed(info, NodeKind.COURSE, root.course_id)


def _updated_at(root: EventRow) -> datetime:
    return root.created_at


def _version() -> int:
    return 1


def _fields(root: EventRow) -> list[str]:
    return [to_camel_case(each) for each in root.fields]


def _about(loader: type[Any], kind: NodeKind) -> Any:
    """What resolves the field for events about this kind of object."""

    def resolver(root: EventRow, info: Info) -> Awaitable[Any] | None:
        is_it = event.subject_kind(root) == kind
        return info.context.loaders.of(loader).want(root.subject_id) if is_it else None

    return resolver


@node_type(EventRow, NodeKind.EVENT, EventByIdLoader)
class Event(Node):
    """Something that has happened. It was written with the change itself, and never changes."""

    type: EventType = leaf("What has happened.")
    subject_id: strawberry.ID = field(
        _subject_id, "The object that it happened to, which `type` names first."
    )
    subject: Node | None = field(
        _subject,
        "The object as it is now; null when it is gone, and when the caller may not see it.",
        several=True,
    )
    user: later.User | None = field(
        _about(UserByIdLoader, NodeKind.USER), "The person as they are now, where it happened to a person."
    )
    course: later.Course | None = field(
        _about(CourseByIdLoader, NodeKind.COURSE), "The course as it is now, where it happened to a course."
    )
    enrollment: later.Enrollment | None = field(
        _about(EnrollmentByIdLoader, NodeKind.ENROLLMENT),
        "The enrollment as it is now, where it happened to one and the caller may see it.",
    )
    certificate: later.Certificate | None = field(
        _about(CertificateByIdLoader, NodeKind.CERTIFICATE),
        "The certificate as it is now, where it happened to one and the caller may see it.",
    )
    submission: later.Submission | None = field(
        _about(SubmissionByIdLoader, NodeKind.SUBMISSION),
        "What was handed in as it is now, where it happened to that and the caller may see it.",
    )
    actor_kind: ActorKind = leaf("What kind of caller did it.")
    actor_id: strawberry.ID | None = field(
        _actor_id, "The person, API key or job that did it; null for the operator of the platform."
    )
    user_id: strawberry.ID | None = field(
        _user_id,
        "Whom it concerns, where that is not the object itself, as of an enrollment, or who is put into a "
        "group; null otherwise.",
    )
    course_id: strawberry.ID | None = field(
        _course_id, "Which course it concerns, where that is not the object itself; null otherwise."
    )
    fields: list[str] = field(
        _fields, "What of the object was changed, by the names of its fields; may be empty."
    )
    created_at: datetime = leaf("When it happened.")
    updated_at: datetime = field(_updated_at, "As `createdAt`: it never changes.")
    version: int = field(_version, "Always 1: it never changes.")


@graph_input
class EventFilter:
    """Which events; what is omitted leaves out none."""

    types: list[EventType] | None = value("Of these types.", default=None)


Matching = Annotated[
    EventFilter | None, strawberry.argument(name="filter", description="Which events; omit it for all.")
]


@graph_input
class EventOrderBy:
    """How events are ordered."""

    field: EventOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Ordered = Annotated[
    EventOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


async def _events(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    context, order = info.context, ordered(order_by, IN_LINE)
    types = (
        None if matching is None or matching.types is None else sorted({str(each) for each in matching.types})
    )
    if types == []:
        raise ValidationError("Name at least one type, or omit it.", field="filter.types")

    async def fetch(position: Position | None, limit: int) -> Sequence[EventRow]:
        return await event.list_page(context.work, after=position, first=limit, types=types, order=order)

    return await paginate(
        context,
        _STREAM,
        filters=tuple(types or ()),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: event.count(context.work, types=types),
    )


def open_cursor(context: RequestContext, text: str) -> tuple[int, UUID]:
    """The place that a cursor of `events` without a filter names. Raise `InvalidCursorError`."""
    listing = Listing(context.runtime.keyring.cursor, context.tenant.id, _STREAM, order=IN_LINE)
    xid, id_ = listing.open(text)
    assert isinstance(xid, int)  # noqa: S101 - what this list is ordered by
    return xid, id_


def _event(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the event.")],
) -> Awaitable[EventRow | None]:
    context = info.context
    return context.loaders.of(EventByIdLoader).want(context.open_id(NodeKind.EVENT, id_))


@strawberry.type
class EventQuery:
    events: Connection[Event] | None = field(
        _events,
        f"What has happened in the last {DAYS_KEPT} days, in an order that can be relied on: whoever goes on "
        "after the last cursor misses nothing, however many write at once. An event is shown once everything "
        "that was begun before its change has ended, usually within milliseconds. Where something of what is "
        "asked for came after the cursor and is gone by now, the answer is CURSOR_EXPIRED: read the objects "
        "themselves anew then, and begin without a cursor. For who sees everybody.",
        requires=Permission.EVENT_READ,
    )
    event: Event | None = field(
        _event,
        "One event; null when there is none. Not for who manages some groups only.",
        requires=Permission.EVENT_READ,
    )
