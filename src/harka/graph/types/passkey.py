from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import field, leaf, related
from harka.graph.loaders.passkey import PasskeyByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import passkey
from harka.repositories.page import Position
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


async def _passkeys(
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

    async def fetch(position: Position | None, limit: int) -> Sequence[PasskeyRow]:
        rows = await passkey.list_page(context.work, person, after=position, first=limit)
        context.loaders.of(PasskeyByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "passkeys",
        filters=(str(person or context.tenant.actor.id),),
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: passkey.count(context.work, person),
    )


@strawberry.type
class PasskeyQuery:
    passkeys: Connection[Passkey] | None = field(
        _passkeys, "By which passkeys a person comes in, oldest first.", requires=Access.SIGNED_IN
    )
