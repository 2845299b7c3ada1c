from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import SessionKind
from harka.graph.field import field, leaf, related
from harka.graph.loaders.session import SessionByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import session
from harka.repositories.page import Position
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


async def _sessions(
    info: Info,
    first: First,
    after: After = None,
    user_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Whose; others' need `user:write`. Omit it for the caller's own."),
    ] = None,
) -> Slice:
    context = info.context
    person = None if user_id is None else context.open_id(NodeKind.USER, user_id, "userId")

    async def fetch(position: Position | None, limit: int) -> Sequence[SessionRow]:
        rows = await session.list_page(context.work, person, after=position, first=limit)
        context.loaders.of(SessionByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "sessions",
        filters=(str(person or context.tenant.actor.id),),
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: session.count(context.work, person),
    )


@strawberry.type
class SessionQuery:
    sessions: Connection[Session] | None = field(
        _sessions, "Where a person is signed in now.", requires=Access.SIGNED_IN
    )
