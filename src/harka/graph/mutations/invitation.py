from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import strawberry

from harka.errors import ValidationError
from harka.graph.context import Info
from harka.graph.enums import Role
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.user import MANAGED, ROLE_ID, managed_ids_of, role_id_of
from harka.graph.payload import MutationInput, Payload
from harka.graph.permission import Access
from harka.graph.types.invitation import Invitation
from harka.graph.types.user import User
from harka.ids import NodeKind
from harka.learning import entrance, invitation, mail, password
from harka.learning.invitation import MOST_DAYS, MOST_GROUPS, USUAL_DAYS, InvitationDraft, Invited
from harka.learning.mail import Kind
from harka.repositories.invitation import Invitation as InvitationRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission

SEND_EMAIL = "Whether it is sent to them by e-mail, too, where the platform sends any."


class Accepted(msgspec.Struct, frozen=True):
    user: UserRow


class Revoked(msgspec.Struct, frozen=True):
    invitation: InvitationRow


@graph_input
class InviteUserInput(MutationInput):
    """Who shall come in."""

    email: str = value("Their address; nobody active may have it yet.")
    role: Role | None = value(
        "What they will be: no more than who invites them; LEARNER unless it or `roleId` says otherwise.",
        default=None,
    )
    role_id: strawberry.ID | None = value(ROLE_ID, default=None)
    group_ids: list[strawberry.ID] | None = value(
        f"The groups they will be in, at most {MOST_GROUPS}. Who manages some groups only names one of them.",
        default=None,
    )
    managed_group_ids: list[strawberry.ID] | None = value(MANAGED, default=None)
    expires_at: datetime | None = value(
        f"When it ends: within {MOST_DAYS} days; omit it for {USUAL_DAYS} days.", default=None
    )
    send_email: bool = value(SEND_EMAIL, default=False)


@graph_input
class AcceptInvitationInput(MutationInput):
    """Who comes in."""

    token: str = value("The token of the invitation.")
    name: str = value("What they are called: 1 to 200 characters.")
    password: str | None = value(
        "With which they sign in: 12 to 128 characters, and not among the first that anybody would try. Omit "
        "it where they come in another way.",
        default=None,
    )
    locale: str | None = value(
        "Their language, as a BCP 47 tag such as `pt-BR`; null for the organization's.", default=None
    )
    timezone: str | None = value(
        "Their time zone, as an IANA name such as `Europe/Berlin`; null for the organization's.", default=None
    )


@graph_input
class RevokeInvitationInput(MutationInput):
    """Who shall not come in after all."""

    id: strawberry.ID = value("The invitation.")
    version: int | None = value(
        "The version that was read; omit it to revoke whatever there is.", default=None
    )


@graph_type
class InviteUserPayload(Payload):
    """The invitation, and what it takes to accept it."""

    invitation: Invitation | None = leaf("The new invitation.")
    token: str | None = leaf(
        "To be given to the invited person, for `acceptInvitation`. It is shown this once: only its hash is "
        "kept, and with an `Idempotency-Key` this answer, sealed, for a day."
    )


@graph_type
class AcceptInvitationPayload(Payload):
    """Who came in."""

    user: User | None = leaf("The person, who may sign in now.")


@graph_type
class RevokeInvitationPayload(Payload):
    """The invitation that nobody can accept any more."""

    invitation: Invitation | None = leaf("The invitation as it is now.")


async def _invite(
    info: Info,
    given: Annotated[InviteUserInput, strawberry.argument(name="input", description="Who, and as what.")],
) -> Invited:
    draft = InvitationDraft(
        email=given.email,
        role=given.role or Role.LEARNER,
        role_id=role_id_of(info, given.role, given.role_id),
        group_ids=_opened(info, given.group_ids or []),
        managed_group_ids=managed_ids_of(info, given.managed_group_ids),
        expires_at=given.expires_at,
    )
    context = info.context
    invited = await invitation.invite(context.work, draft)
    if given.send_email:
        made, seal_key = invited.invitation, context.runtime.keyring.seal
        await mail.post_link(
            context.work, Kind.INVITATION, made.id, invited.token, made.expires_at, seal_key=seal_key
        )
    return invited


async def _accept(
    info: Info,
    given: Annotated[AcceptInvitationInput, strawberry.argument(name="input", description="Who comes in.")],
) -> Accepted:
    context, chosen = info.context, None
    if given.password is not None:
        runtime = context.runtime
        await invitation.require_open(context.work, given.token)
        await entrance.take(runtime.entrance, context.tenant, entrance.OF_LINK, given.token)
        chosen = await password.choose(
            runtime.hasher, runtime.breaches, context.tenant, given.password, given.name
        )
    _, person = await invitation.accept(
        context.work,
        given.token,
        name=given.name,
        locale=given.locale,
        timezone=given.timezone,
        chosen=chosen,
    )
    return Accepted(person)


async def _revoke(
    info: Info,
    given: Annotated[RevokeInvitationInput, strawberry.argument(name="input", description="Which one.")],
) -> Revoked:
    id_ = info.context.open_id(NodeKind.INVITATION, given.id, "id")
    return Revoked(await invitation.revoke(info.context.work, id_, version=given.version))


def _opened(info: Info, ids: Sequence[strawberry.ID]) -> list[UUID]:
    if len(ids) > MOST_GROUPS:
        raise ValidationError(f"At most {MOST_GROUPS} groups.", field="groupIds")
    return [info.context.open_id(NodeKind.GROUP, id_, "groupIds") for id_ in ids]


@strawberry.type
class InvitationMutation:
    invite_user: InviteUserPayload | None = mutation(
        _invite,
        "Invite a person by their address, who takes a seat of the plan when they accept. An earlier open "
        "invitation of the address is revoked. The token is for the caller to deliver.",
        requires=Permission.USER_WRITE,
    )
    accept_invitation: AcceptInvitationPayload | None = mutation(
        _accept,
        "Come in by the token of an invitation, once, without signing in. Makes the person, or lets one in "
        "again who was deactivated.",
        requires=Access.OPEN,
    )
    revoke_invitation: RevokeInvitationPayload | None = mutation(
        _revoke,
        "Let nobody in by this invitation any more. Doing it twice changes nothing; CONFLICT once it is "
        "accepted.",
        requires=Permission.USER_WRITE,
    )
