from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection, SessionKind
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.session import SessionByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import SessionOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import session
from harka.repositories.session import Session as SessionRow


def _is_current(root: SessionRow, info: Info) -> bool:
    return root.id == info.context.tenant.session


@node_type(SessionRow, NodeKind.SESSION, SessionByIdLoader)
class Session(Node):
    """Where somebody is signed in: a browser or an app. It ends when it is not used, and by being revoked."""

    user: later.User | None = related(
        UserByIdLoader, "user_id", "Who is signed in; null where the caller may not see them."
    )
    kind: SessionKind = leaf("What it is used by.")
    user_agent: str = leaf("What the browser or app said of itself when it signed in; empty for nothing.")
    address: str = leaf("From which network address; empty where it is not known.")
    is_current: bool = field(_is_current, "Whether the caller asks in this session.")
    last_used_at: datetime = leaf("When it was last used, to the minute.")
    expires_at: datetime = leaf("When it ends unless it is used before.")
    ends_at: datetime = leaf("When it ends, however much it is used.")
    revoked_at: datetime | None = leaf("When it was revoked; null while it was not.")
    created_at: datetime = leaf("When it began.")
    updated_at: datetime = leaf("When it last changed; being used is no change.")
    version: int = leaf("Grows with every change.")


@graph_input
class SessionFilter:
    """Which sessions; what is omitted leaves out none."""

    kind: SessionKind | None = value("Only those that are used by this.", default=None)


@graph_input
class SessionOrderBy:
    """How sessions are ordered."""

    field: SessionOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    SessionFilter | None,
    strawberry.argument(name="filter", description="Which sessions; omit it for all."),
]
Ordered = Annotated[
    SessionOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(session.list_page, session.count, SessionByIdLoader)


async def _sessions(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
    user_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Whose; others' need `user:write`. Omit it for the caller's own."),
    ] = None,
) -> Slice:
    context, own = info.context, info.context.tenant.user
    if user_id is not None:
        person: UUID | None = context.open_id(NodeKind.USER, user_id, "userId")
    else:
        person = None if own is None else own.id
    return await paginate_by(
        _LISTED,
        info.context,
        "sessions",
        of=(person,),
        only={"kind": None if matching is None else matching.kind},
        order=ordered(order_by),
        first=first,
        after=after,
    )


@strawberry.type
class SessionQuery:
    sessions: Connection[Session] | None = field(
        _sessions, "Where a person is signed in now.", requires=Access.SIGNED_IN
    )
