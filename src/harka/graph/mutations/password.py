from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.invitation import SEND_EMAIL
from harka.graph.payload import MutationInput, Payload
from harka.graph.permission import Access
from harka.graph.types.user import User
from harka.ids import NodeKind
from harka.learning import entrance, mail, password, user
from harka.learning.mail import Kind
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission

_PASSWORD = "12 to 128 characters, and not among the first that anybody would try."  # noqa: S105 - a description


class Changed(msgspec.Struct, frozen=True):
    user: UserRow


class Done(msgspec.Struct, frozen=True):
    """Nothing to tell."""


@graph_input
class ChangePasswordInput(MutationInput):
    """The caller's own password."""

    current_password: str = value("The one they have.")
    new_password: str = value(f"The one they shall have: {_PASSWORD}")


@graph_input
class CreatePasswordResetInput(MutationInput):
    """Who shall set a password anew."""

    user_id: strawberry.ID = value("The person.")
    send_email: bool = value(SEND_EMAIL, default=False)


@graph_input
class ResetPasswordInput(MutationInput):
    """The password of whoever has the token."""

    token: str = value("The token, of `createPasswordReset`.")
    password: str = value(f"The one they shall have: {_PASSWORD}")


@graph_type
class ChangePasswordPayload(Payload):
    """Whose password was changed."""

    user: User | None = leaf("The person, who is signed in here and nowhere else any more.")


@graph_type
class CreatePasswordResetPayload(Payload):
    """What it takes to set a password."""

    user: User | None = leaf("The person.")
    token: str | None = leaf(
        "To be handed on to the person, as `/auth/reset?token=…` or for `resetPassword`. It is good once, "
        "and shown this once: only its hash is kept, and with an `Idempotency-Key` this answer, sealed, for "
        "a day."
    )
    expires_at: datetime | None = leaf("When the token ends.")


@graph_type
class ResetPasswordPayload(Payload):
    """That the password is set: whose it is tells the person alone."""


async def _change(
    info: Info,
    given: Annotated[ChangePasswordInput, strawberry.argument(name="input", description="Both of them.")],
) -> Changed:
    context = info.context
    person = user.myself(context.tenant)
    await entrance.require_password(
        context.runtime.entrance, context.tenant, given.current_password, "currentPassword", context.work
    )
    chosen = await password.choose(
        context.runtime.hasher,
        context.runtime.breaches,
        context.tenant,
        given.new_password,
        person.name,
        person.email,
        field="newPassword",
    )
    return Changed(await password.change(context.work, chosen))


async def _allow(
    info: Info,
    given: Annotated[CreatePasswordResetInput, strawberry.argument(name="input", description="Whose.")],
) -> password.Reset:
    context = info.context
    id_ = context.open_id(NodeKind.USER, given.user_id, "userId")
    made = await password.allow_reset(context.work, id_)
    if given.send_email:
        seal_key = context.runtime.keyring.seal
        await mail.post_link(
            context.work, Kind.RESET, made.user.id, made.token, made.expires_at, seal_key=seal_key
        )
    return made


async def _reset(
    info: Info,
    given: Annotated[ResetPasswordInput, strawberry.argument(name="input", description="Which.")],
) -> Done:
    context = info.context
    runtime = context.runtime
    await password.require_reset(context.work, given.token)
    await entrance.take(runtime.entrance, context.tenant, entrance.OF_LINK, given.token)
    chosen = await password.choose(runtime.hasher, runtime.breaches, context.tenant, given.password)
    await password.reset(context.work, given.token, chosen)
    return Done()


@strawberry.type
class PasswordMutation:
    change_password: ChangePasswordPayload | None = mutation(
        _change,
        "Change one's own password, and sign out everywhere else.",
        requires=Access.SIGNED_IN,
    )
    create_password_reset: CreatePasswordResetPayload | None = mutation(
        _allow,
        "Let a person set a password, once, within a day. An earlier token of theirs is good for nothing any "
        "more.",
        requires=Permission.USER_WRITE,
    )
    reset_password: ResetPasswordPayload | None = mutation(
        _reset,
        "Set a password by a token, without signing in. Signs its person out everywhere.",
        requires=Access.OPEN,
    )
