from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, related, value
from harka.graph.loaders.passkey import PasskeyByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import PasskeyOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import passkey
from harka.learning.passkey import LONGEST_NAME
from harka.learning.text import accept_part
from harka.repositories.passkey import Passkey as PasskeyRow


@node_type(PasskeyRow, NodeKind.PASSKEY, PasskeyByIdLoader)
class Passkey(Node):
    """A key on a device of somebody's, by which they come in. It is made at `/auth/passkeys`."""

    user: later.User | None = related(
        UserByIdLoader, "user_id", "Who comes in by it; null where the caller may not see them."
    )
    name: str = leaf("What its owner calls it.")
    host: str = leaf("The organization's host that it was made at, and is good at alone.")
    is_synced: bool = leaf("Whether other devices of its owner have it, too.")
    last_used_at: datetime | None = leaf("When somebody last came in by it; null while nobody has.")
    created_at: datetime = leaf("When it was made.")
    updated_at: datetime = leaf("When it last changed; being used is no change.")
    version: int = leaf("Grows with every change.")


@graph_input
class PasskeyFilter:
    """Which passkeys; what is omitted leaves out none."""

    name: str | None = value("Only passkeys with this in their name, whatever its case.", default=None)
    is_synced: bool | None = value("Only those that other devices have too, or have not.", default=None)


@graph_input
class PasskeyOrderBy:
    """How passkeys are ordered."""

    field: PasskeyOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    PasskeyFilter | None,
    strawberry.argument(name="filter", description="Which passkeys; omit it for all."),
]
Ordered = Annotated[
    PasskeyOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]
_LISTED = Rules(passkey.list_page, passkey.count, PasskeyByIdLoader)


async def _passkeys(
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
    given = matching or PasskeyFilter()
    return await paginate_by(
        _LISTED,
        context,
        "passkeys",
        of=(person,),
        only={
            "name": accept_part(given.name, "filter.name", longest=LONGEST_NAME),
            "is_synced": given.is_synced,
        },
        order=ordered(order_by),
        first=first,
        after=after,
    )


@strawberry.type
class PasskeyQuery:
    passkeys: Connection[Passkey] | None = field(
        _passkeys, "By which passkeys a person comes in.", requires=Access.SIGNED_IN
    )
