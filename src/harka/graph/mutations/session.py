from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.permission import Access
from harka.graph.types.session import Session
from harka.ids import NodeKind
from harka.learning import session
from harka.repositories.session import Session as SessionRow


class Revoked(msgspec.Struct, frozen=True):
    session: SessionRow


@graph_input
class RevokeSessionInput(MutationInput):
    """Where to sign somebody out."""

    id: strawberry.ID = value("The session.")
    version: int | None = value(
        "The version that was read; omit it to revoke whatever there is.", default=None
    )


@graph_type
class RevokeSessionPayload(Payload):
    """The session that nobody is in any more."""

    session: Session | None = leaf("The session as it is now.")


async def _revoke(
    info: Info,
    given: Annotated[RevokeSessionInput, strawberry.argument(name="input", description="Which one.")],
) -> Revoked:
    id_ = info.context.open_id(NodeKind.SESSION, given.id, "id")
    return Revoked(await session.revoke(info.context.work, id_, version=given.version))


@strawberry.type
class SessionMutation:
    revoke_session: RevokeSessionPayload | None = mutation(
        _revoke,
        "Sign somebody out: oneself, or with `user:write` somebody else. Its tokens and sockets end within "
        "5 s. Doing it twice changes nothing.",
        requires=Access.SIGNED_IN,
    )
