from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.permission import Access
from harka.graph.types.user import User
from harka.ids import NodeKind
from harka.learning import entrance, totp
from harka.repositories.user import User as UserRow


class Removed(msgspec.Struct, frozen=True):
    user: UserRow


@graph_input
class SetUpTotpInput(MutationInput):
    """The caller's second device."""

    password: str = value("The caller's password.")
    version: int | None = value(
        "The version of the caller, as a user, that was read; omit it for any.", default=None
    )


@graph_input
class ConfirmTotpInput(MutationInput):
    """What the second device says."""

    code: str = value("The six digits that it shows.")


@graph_input
class RemoveTotpInput(MutationInput):
    """Whose second device to do without."""

    password: str | None = value("The caller's password, for their own.", default=None)
    user_id: strawberry.ID | None = value(
        "Somebody else, who has lost theirs: needs `user:write`. Omit it for the caller.", default=None
    )
    version: int | None = value("The version of the person that was read; omit it for any.", default=None)


@graph_type
class SetUpTotpPayload(Payload):
    """What the second device needs to know; shown this once."""

    secret: str | None = leaf("As it is typed in, in Base32.")
    address: str | None = leaf("The `otpauth` address, to be shown as a QR code.")


@graph_type
class ConfirmTotpPayload(Payload):
    """That a code is asked for from now on."""

    user: User | None = leaf("The caller.")
    recovery_codes: list[str] | None = leaf(
        "Each is good once in place of a code, when the device is lost. They are shown this once."
    )


@graph_type
class RemoveTotpPayload(Payload):
    """That no code is asked for any more."""

    user: User | None = leaf("The person.")


async def _set_up(
    info: Info,
    given: Annotated[SetUpTotpInput, strawberry.argument(name="input", description="Of the caller.")],
) -> totp.Proposed:
    context = info.context
    await entrance.require_password(
        context.runtime.entrance, context.tenant, given.password, "password", context.work
    )
    return await totp.propose(context.work, context.runtime.keyring, version=given.version)


async def _confirm(
    info: Info,
    given: Annotated[ConfirmTotpInput, strawberry.argument(name="input", description="The code.")],
) -> totp.Confirmed:
    return await totp.confirm(info.context.work, info.context.runtime.keyring, given.code)


async def _remove(
    info: Info,
    given: Annotated[RemoveTotpInput, strawberry.argument(name="input", description="Whose.")],
) -> Removed:
    context = info.context
    if given.user_id is not None:
        id_ = context.open_id(NodeKind.USER, given.user_id, "userId")
        return Removed(await totp.remove_of(context.work, id_, version=given.version))
    await entrance.require_password(
        context.runtime.entrance, context.tenant, given.password or "", "password", context.work
    )
    return Removed(await totp.remove(context.work, version=given.version))


@strawberry.type
class TotpMutation:
    set_up_totp: SetUpTotpPayload | None = mutation(
        _set_up,
        "Propose a second factor for the caller (RFC 6238): it counts once it is confirmed.",
        requires=Access.SIGNED_IN,
    )
    confirm_totp: ConfirmTotpPayload | None = mutation(
        _confirm,
        "Prove that the device has the secret: from now on a code is asked for.",
        requires=Access.SIGNED_IN,
    )
    remove_totp: RemoveTotpPayload | None = mutation(
        _remove, "Do without a second factor; the recovery codes go with it.", requires=Access.SIGNED_IN
    )
