"""Where people are signed in: whoever is may look, and sign out there."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.session_token import hashed, new_browser_token, refresh_token
from harka.auth.session_usage import BROWSER_IDLE
from harka.errors import ConflictError, NotFoundError
from harka.ids import new_id
from harka.learning import user, visibility
from harka.learning.work import UnitOfWork
from harka.repositories import session as sessions
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scope import Scope
from harka.repositories.session import Session, SessionKind
from harka.rows import ByKey
from harka.tenancy.permission import Permission

APP_IDLE: Final = timedelta(days=30)
LIFETIMES: Final[Mapping[str, tuple[timedelta, timedelta]]] = {
    SessionKind.BROWSER: (BROWSER_IDLE, timedelta(days=14)),
    SessionKind.APP: (APP_IDLE, timedelta(days=180)),
}
"""How long one may be unused, and how long it may be used, by kind."""
KEPT: Final = 30 * 86_400.0
"""Seconds after which a session that is over is forgotten."""
_LONGEST_AGENT: Final = 256


class Device(msgspec.Struct, frozen=True):
    """What is known of where somebody signs in: a `SessionKind`, and what the client says of itself.

    `token`: what a device shows on which somebody came in before (`auth.session_token`).
    """

    kind: str
    address: str = ""
    user_agent: str = ""
    token: str = ""


class Begun(msgspec.Struct, frozen=True):
    """`token`: a browser's cookie or an app's first refresh token; the only copy there will ever be."""

    session: Session
    token: str

    def __repr__(self) -> str:
        return f"Begun({self.session.id})"


async def begin(work: UnitOfWork, key: bytes, user_id: UUID, device: Device) -> Begun:
    """Sign somebody in who has proved who they are. `key`: see `auth.session_token`."""
    idle, longest = LIFETIMES[device.kind]
    now, tenant = clock.now(), work.context.id
    made = Session(
        id=new_id(),
        user_id=user_id,
        kind=str(device.kind),
        user_agent=_printable(device.user_agent)[:_LONGEST_AGENT],
        address=device.address[:64],
        last_used_at=now,
        expires_at=now + idle,
        ends_at=now + longest,
        revoked_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    if device.kind == SessionKind.BROWSER:
        token = new_browser_token(key, tenant, user_id, made.id)
        await sessions.insert(work.session, made, hashed(token.encode()))
    else:
        token = refresh_token(key, tenant, made.id, 0)
        await sessions.insert(work.session, made, None)
    return Begun(made, token)


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Session]:
    """One's own; of others for who may change them."""
    scope, own = scope_of(work), work.context.user
    return ByKey(await sessions.find_by_ids(work.session, scope, ids, own=None if own is None else own.id))


async def list_page(
    work: UnitOfWork,
    user_id: UUID | None,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    kind: str | None = None,
) -> Sequence[Session]:
    """The next `first` live ones of a person in that order. `user_id`: None for the actor.

    `kind`: None for any.
    """
    person = person_of(work, user_id)
    if person is None:
        return []
    return await sessions.page(
        work.session, scope_of(work), person, after=after, first=first, order=order, kind=kind
    )


async def count(work: UnitOfWork, user_id: UUID | None, *, kind: str | None = None) -> int:
    person = person_of(work, user_id)
    return 0 if person is None else await sessions.count(work.session, scope_of(work), person, kind=kind)


async def revoke(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Session:
    """Sign somebody out there; its tokens and sockets end with it. Nothing changes when it is revoked.

    One's own, or of whom the actor may change. Raise `ConflictError` for another `version`, `NotFoundError`,
    `ForbiddenError` for who may do more than the actor.
    """
    found = (await find_many(work, [id_])).get(id_)
    if found is None:
        raise NotFoundError("There is no such session here.", field="id")
    me = work.context.user
    if me is None or found.user_id != me.id:
        await user.hold(work, found.user_id)
    if version is not None and found.version != version:
        raise ConflictError
    revoked = await sessions.revoke(work.session, id_, version)
    return found if revoked is None else revoked


async def forget_old(work: UnitOfWork) -> int:
    """How many."""
    return await sessions.delete_old(work.session, older_than=KEPT)


def scope_of(work: UnitOfWork) -> Scope:
    context = work.context
    if context.allows(Permission.USER_WRITE):
        return msgspec.structs.replace(visibility.to_change(context), everything=True)
    return Scope(everything=False)


def person_of(work: UnitOfWork, user_id: UUID | None) -> UUID | None:
    """Whose are asked for; None for those of a program, which has none."""
    context = work.context
    own = None if context.user is None else context.user.id
    if user_id is None or user_id == own:
        return own
    context.require(Permission.USER_WRITE)
    return user_id


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())
