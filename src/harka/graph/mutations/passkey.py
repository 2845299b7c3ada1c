from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.permission import Access
from harka.graph.types.passkey import Passkey
from harka.ids import NodeKind
from harka.learning import passkey
from harka.repositories.passkey import Passkey as PasskeyRow


class Renamed(msgspec.Struct, frozen=True):
    passkey: PasskeyRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_passkey_id: str


@graph_input
class UpdatePasskeyInput(MutationInput):
    """Another name for a passkey of the caller's own."""

    id: strawberry.ID = value("The passkey.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    name: str = value("What to call it: 1 to 100 characters.")


@graph_input
class DeletePasskeyInput(MutationInput):
    """By which passkey nobody shall come in any more."""

    passkey_id: strawberry.ID = value("The passkey.")
    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_type
class UpdatePasskeyPayload(Payload):
    """The passkey that was renamed."""

    passkey: Passkey | None = leaf("The passkey as it is now.")


@graph_type
class DeletePasskeyPayload(Payload):
    """The passkey that was taken away."""

    deleted_passkey_id: strawberry.ID | None = leaf("The id that names nothing any more.")


async def _update(
    info: Info,
    given: Annotated[UpdatePasskeyInput, strawberry.argument(name="input", description="What to change.")],
) -> Renamed:
    id_ = info.context.open_id(NodeKind.PASSKEY, given.id, "id")
    return Renamed(await passkey.rename(info.context.work, id_, given.name, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeletePasskeyInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.PASSKEY, given.passkey_id, "passkeyId")
    await passkey.remove(info.context.work, id_, version=given.version)
    return Deleted(given.passkey_id)


@strawberry.type
class PasskeyMutation:
    update_passkey: UpdatePasskeyPayload | None = mutation(
        _update, "Give a passkey of one's own another name.", requires=Access.SIGNED_IN
    )
    delete_passkey: DeletePasskeyPayload | None = mutation(
        _delete,
        "Take a passkey away: one's own, or with `user:write` somebody else's. Who came in by it stays in.",
        requires=Access.SIGNED_IN,
    )
