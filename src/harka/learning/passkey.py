"""Passkeys: whoever is signed in makes one on a device of theirs, and takes it away when that is lost."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from harka import clock, logs
from harka.auth import passkey
from harka.auth.passkey import PasskeyError, Person, Place
from harka.errors import ConflictError, NotFoundError, PlanLimitError, ValidationError
from harka.ids import new_id
from harka.learning import passkey_ceremony, session, user
from harka.learning.entrance import Entrance, require_password, working
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import passkey as passkeys
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.passkey import Passkey
from harka.repositories.scope import Scope
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.context import TenantContext

MOST: Final = 20
"""Passkeys of a person."""
LONGEST_NAME: Final = 100

log = logs.logger("passkey")


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Passkey]:
    """One's own; of others for who may change them."""
    own = work.context.user
    return ByKey(
        await passkeys.find_by_ids(
            work.session, session.scope_of(work), ids, own=None if own is None else own.id
        )
    )


async def list_page(
    work: UnitOfWork,
    user_id: UUID | None,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    is_synced: bool | None = None,
) -> Sequence[Passkey]:
    """The next `first` of a person, in that order. `user_id`: None for the actor.

    `name`: a part of it, in any case. None for any.
    """
    person = session.person_of(work, user_id)
    if person is None:
        return []
    return await passkeys.page(
        work.session,
        session.scope_of(work),
        person,
        after=after,
        first=first,
        order=order,
        name=name,
        is_synced=is_synced,
    )


async def count(
    work: UnitOfWork,
    user_id: UUID | None,
    *,
    name: str | None = None,
    is_synced: bool | None = None,
) -> int:
    person = session.person_of(work, user_id)
    if person is None:
        return 0
    scope = session.scope_of(work)
    return await passkeys.count(work.session, scope, person, name=name, is_synced=is_synced)


async def begin(
    entrance: Entrance, context: TenantContext, password: str, place: Place
) -> tuple[dict[str, Any], str]:
    """What the actor's browser makes one of, and what it has to bring back. Their password is asked for.

    Raise `ValidationError` for a wrong one, `RateLimitedError`, `PlanLimitError` for too many passkeys.
    """
    person = user.myself(context)
    await require_password(entrance, context, password, "password")
    async with working(entrance, context, read_only=True) as work:
        known = await passkeys.credentials(work.session, person.id)
    _require_room(len(known))
    challenge, ceremony = passkey_ceremony.begin(entrance, context, person.id)
    shown = Person(person.id.bytes, person.email, person.name)
    return passkey.creation_options(place, context.organization.name, shown, challenge, known), ceremony


async def register(
    entrance: Entrance,
    context: TenantContext,
    ceremony: str,
    credential: Mapping[str, Any],
    name: str,
    place: Place,
) -> Passkey:
    """What `begin` asked for. Raise `ValidationError` for whatever is wrong, `ConflictError`."""
    person, accepted = user.myself(context), accept_line(name, "name", longest=LONGEST_NAME)
    challenge = await passkey_ceremony.spend(entrance, context, person.id, ceremony)
    if challenge is None:
        raise ValidationError("This took too long: begin again.", field="ceremony")
    await passkey.ready()
    try:
        made = passkey.registered(credential, challenge, place)
    except PasskeyError as error:
        log.info("passkey refused", tenant=str(context.id), user=str(person.id), reason=str(error))
        raise ValidationError("This device proved nothing.", field="credential") from error
    now = clock.now()
    row = Passkey(new_id(), person.id, accepted, place.rp_id, made.is_synced, None, now, now, 1)
    try:
        async with working(entrance, context, read_only=False) as work:
            _require_room(await passkeys.count(work.session, Scope(everything=True), person.id))
            await passkeys.insert(work.session, row, made.credential_id, made.public_key, made.sign_count)
    except UniqueError as error:
        raise ConflictError("This passkey is here already.") from error
    log.info("passkey made", tenant=str(context.id), user=str(person.id), passkey=str(row.id))
    return row


async def rename(work: UnitOfWork, id_: UUID, name: str, *, version: int) -> Passkey:
    """One's own. Raise `NotFoundError`, `ConflictError` for another version, `ValidationError`."""
    accepted = accept_line(name, "name", longest=LONGEST_NAME)
    found = (await find_many(work, [id_])).get(id_)
    if found is None or found.user_id != user.myself(work.context).id:
        raise _nothing()
    renamed = await passkeys.rename(work.session, id_, version, accepted)
    if renamed is None:
        raise ConflictError
    return renamed


async def remove(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Passkey:
    """Nobody comes in by it any more; who did stays in. One's own, or of whom the actor may change.

    Raise `NotFoundError`, `ConflictError` for another version, `ForbiddenError` for who may do more.
    """
    found = (await find_many(work, [id_])).get(id_)
    if found is None:
        raise _nothing()
    me = work.context.user
    if me is None or found.user_id != me.id:
        await user.hold(work, found.user_id)
    if not await passkeys.delete(work.session, id_, version):
        raise ConflictError
    log.info("passkey removed", tenant=str(work.context.id), user=str(found.user_id), passkey=str(id_))
    return found


def _require_room(known: int) -> None:
    if known >= MOST:
        raise PlanLimitError(f"A person has at most {MOST} passkeys.")


def _nothing() -> NotFoundError:
    return NotFoundError("There is no such passkey here.", field="id")
