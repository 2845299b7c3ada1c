"""Who may come in who is not here yet: whoever has the token, once, until it ends or is revoked."""

import enum
import hashlib
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.permissions import Role, may_grant
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import group, group_manager, path_opening, user, user_row
from harka.learning.moment import accept_moment, has_passed
from harka.learning.password import Chosen, keep
from harka.learning.text import accept_email
from harka.learning.work import UnitOfWork
from harka.repositories import invitation as invitations
from harka.repositories import user as users
from harka.repositories.event import EventType
from harka.repositories.group import Group
from harka.repositories.invitation import Invitation, State
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scope import Scope
from harka.repositories.user import User, UserStatus
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.permission import Permission

MOST_GROUPS: Final = 20
"""Of one invitation."""
USUAL_DAYS: Final = 7
MOST_DAYS: Final = 90
_ENTROPY_BYTES: Final = 32
_TOKEN: Final = re.compile(r"hi_[A-Za-z0-9_-]{43}")


class InvitationState(enum.StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`role_id`: one of the organization's own, in place of `role`. `expires_at`: None for `USUAL_DAYS`."""

    email: str
    role: str = Role.LEARNER
    role_id: UUID | None = None
    group_ids: Sequence[UUID] = ()
    managed_group_ids: Sequence[UUID] = ()
    expires_at: datetime | None = None


class Invited(msgspec.Struct, frozen=True):
    """`token`: the only copy there will ever be."""

    invitation: Invitation
    token: str

    def __repr__(self) -> str:
        return f"Invited({self.invitation.id})"


async def require_open(work: UnitOfWork, token: str) -> None:
    """Before a password is hashed, which takes a thread: not for a token that was made up, or is spent.

    Raise `NotFoundError`, and `ConflictError` like `accept`.
    """
    require_token(token)
    _opened(await invitations.find_by_token(work.session, _hashed(token)))


def _opened(found: Invitation | None) -> Invitation:
    if found is None:
        raise NotFoundError("There is no such invitation here.", field="token")
    state = state_of(found)
    if state is not InvitationState.OPEN:
        raise ConflictError(f"This invitation is {state}.", field="token")
    return found


def require_token(token: str) -> None:
    """Raise `NotFoundError` for what no token looks like."""
    if not _TOKEN.fullmatch(token):
        raise NotFoundError("There is no such invitation here.", field="token")


def state_of(invitation: Invitation) -> InvitationState:
    if invitation.accepted_at is not None:
        return InvitationState.ACCEPTED
    if invitation.revoked_at is not None:
        return InvitationState.REVOKED
    return InvitationState.EXPIRED if has_passed(invitation.expires_at) else InvitationState.OPEN


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Invitation]:
    """By id; a manager of groups sees those that they made, here as everywhere."""
    return ByKey(await invitations.find_by_ids(work.session, ids, inviter=_inviter(work)))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None = None,
    email: str | None = None,
) -> Sequence[Invitation]:
    """The next `first` in that order.

    `state`: an `InvitationState`. `email`: a part of the address, in any case. None for any.
    """
    return await invitations.list_page(
        work.session,
        after=after,
        first=first,
        inviter=_inviter(work),
        order=order,
        state=_until_now(state),
        email=email,
    )


async def count(work: UnitOfWork, *, state: str | None = None, email: str | None = None) -> int:
    inviter = _inviter(work)
    return await invitations.count(work.session, inviter=inviter, state=_until_now(state), email=email)


def _until_now(state: str | None) -> State | None:
    return None if state is None else (state, clock.now())


async def groups_by_invitation(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[Group]]:
    """In the order of their ids; invitations to none are left out."""
    work.context.require(Permission.USER_WRITE)
    pairs = await invitations.groups_of(work.session, ids)
    found = await group.find_many(work, list({pair.group_id for pair in pairs})) if pairs else {}
    listed: dict[UUID, list[Group]] = {}
    for pair in pairs:
        if pair.group_id in found:
            listed.setdefault(pair.invitation_id, []).append(found[pair.group_id])
    return listed


async def invite(work: UnitOfWork, draft: InvitationDraft) -> Invited:
    """Let somebody in who has this address. An earlier open invitation of the address ends.

    Raise `ValidationError` naming the field, for somebody who is here too; `NotFoundError` for an unknown
    role or group; `ForbiddenError` for a role that may do what the actor may not, and for a group that a
    manager of groups does not manage; `ConflictError` when somebody else has invited the address.
    """
    inviter = _inviter(work)
    email = accept_email(draft.email, "email")
    role, role_id = await user_row.grantable_role(work, draft.role, draft.role_id)
    expires_at = _accept_end(draft.expires_at)
    group_ids = await _accept_groups(work, draft.group_ids)
    managed = group_manager.accept_managed(work, role, draft.managed_group_ids)
    if managed and await invitations.count_groups(work.session, managed) < len(managed):
        raise group_manager.no_managed_group()
    await _require_absent(work, email)
    now, actor = clock.now(), work.context.user
    by = None if actor is None else actor.id
    made = Invitation(new_id(), email, role, role_id, expires_at, None, None, by, None, now, now, 1)
    token = f"hi_{urlsafe_b64encode(os.urandom(_ENTROPY_BYTES)).rstrip(b'=').decode('ascii')}"
    for ended in await invitations.replace(work.session, email, inviter=inviter):
        work.record(EventType.INVITATION_REVOKED, ended)
    try:
        await invitations.insert(work.session, made, _hashed(token), group_ids, managed)
    except UniqueError as error:
        raise ConflictError("Somebody else has invited this address.", field="email") from error
    work.record(EventType.INVITATION_CREATED, made.id)
    return Invited(made, token)


async def accept(
    work: UnitOfWork,
    token: str,
    *,
    name: str,
    locale: str | None = None,
    timezone: str | None = None,
    chosen: Chosen | None = None,
) -> tuple[Invitation, User]:
    """For anybody, without a permission: the token is the secret, and good for one time.

    Makes the user, or lets them in again; with the role, in the groups of the invitation and with the
    password, if there is one. Who shall manage groups is bound to what is left of these, if that is nothing,
    too. Raise `NotFoundError` for a token of no invitation; `ConflictError` for one that is over, whose role
    is gone, or whose address somebody has who is here; `PlanLimitError` when no seat is left;
    `ValidationError`.
    """
    require_token(token)
    held = _opened(await invitations.lock_by_token(work.session, _hashed(token)))
    if held.role == Role.CUSTOM and held.role_id is None:
        raise ConflictError("Its role does not exist any more: ask for another.", field="token")
    given = user_row.accepted(work, {"name": name, "locale": locale, "timezone": timezone})
    await user.require_seats(work, 1)
    person = await _come_in(work, held, given)
    if chosen is not None:
        await keep(work, person.id, chosen, person.email, person.name)
    done = await invitations.accept(work.session, held.id, person.id)
    work.record(EventType.INVITATION_ACCEPTED, held.id, user_id=person.id)
    for joined in done.joined:
        work.record(EventType.GROUP_MEMBER_ADDED, joined, user_id=person.id)
    for managed in done.managed:
        work.record(EventType.GROUP_MANAGER_ASSIGNED, managed, user_id=person.id)
    return done.invitation, person


async def revoke(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Invitation:
    """Its token is good for nothing any more. Nothing changes when it is revoked already.

    Raise `ConflictError` for an accepted one, and for another `version`; `NotFoundError`.
    """
    inviter = _inviter(work)
    revoked = await invitations.revoke(work.session, id_, version, inviter=inviter)
    if revoked is not None:
        work.record(EventType.INVITATION_REVOKED, id_)
        return revoked
    found = await invitations.find_by_ids(work.session, [id_], inviter=inviter)
    if not found:
        raise NotFoundError("There is no such invitation here.", field="id")
    if found[0].accepted_at is not None:
        raise ConflictError("Who has come in is let in no more by deactivateUser.", field="id")
    if version is not None and found[0].version != version:
        raise ConflictError
    return found[0]


def _inviter(work: UnitOfWork) -> UUID | None:
    """Whose invitations the actor sees and ends; None for everybody's."""
    work.context.require(Permission.USER_WRITE)
    return work.context.manager


async def _accept_groups(work: UnitOfWork, group_ids: Sequence[UUID]) -> list[UUID]:
    asked = sorted(set(group_ids))
    if len(asked) > MOST_GROUPS:
        raise ValidationError(f"At most {MOST_GROUPS} groups.", field="groupIds")
    if not asked and work.context.manager is not None:
        raise ValidationError("Name one of the groups that you manage, or one below.", field="groupIds")
    if asked and await invitations.count_groups(work.session, asked) < len(asked):
        raise NotFoundError("One of these groups is not here.", field="groupIds")
    if asked:
        await group.require_managed(work, asked)
    return asked


async def _require_absent(work: UnitOfWork, email: str) -> None:
    """Raise unless nobody has the address, or somebody who was let in no more and may be let in again."""
    for known in await users.find_by_emails(work.session, [email]):
        if known.status == UserStatus.ACTIVE or work.context.manager is not None:
            raise user_row.taken()
        if not may_grant(work.context, await user_row.allowed_to(work, known)):
            raise ForbiddenError("Nobody can change who may do more than they may.")


async def _come_in(work: UnitOfWork, invitation: Invitation, given: dict[str, Any]) -> User:
    promised: dict[str, Any] = {"role": invitation.role, "role_id": invitation.role_id}
    found = await users.find_by_emails(work.session, [invitation.email])
    held = await users.lock(work.session, Scope(everything=True), found[0].id) if found else None
    if held is None:
        made = user_row.new_row(email=invitation.email, **promised, **given)
        await user.insert_many(work, [made])
        return made
    if held.status == UserStatus.ACTIVE:
        raise ConflictError("Somebody who has this address is here already.", field="token")
    back = msgspec.structs.replace(held, status=str(UserStatus.ACTIVE), **promised, **given)
    work.record(EventType.USER_REACTIVATED, back.id)
    await path_opening.of_person(work, back.id)
    return await user.write(work, back)


def _accept_end(expires_at: datetime | None) -> datetime:
    now = clock.now()
    if expires_at is None:
        return now + timedelta(days=USUAL_DAYS)
    if not now < accept_moment(expires_at, "expiresAt") <= now + timedelta(days=MOST_DAYS):
        raise ValidationError(f"This must be within the next {MOST_DAYS} days.", field="expiresAt")
    return expires_at


def _hashed(token: str) -> bytes:
    """Fast is right here: the token is 256 random bits, there is nothing to guess."""
    return hashlib.sha256(token.encode("ascii")).digest()
