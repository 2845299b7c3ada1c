"""People whom an organization's own directory keeps here: made, changed and taken away by the rules for all.

A directory gives the roles up to manager and no others, and takes none of those away that are beyond it.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.auth.permissions import Role
from harka.codec import from_json, sorted_json_bytes
from harka.errors import (
    HarkaError,
    NotFoundError,
    TakenError,
    ValidationError,
)
from harka.learning import group_member, user
from harka.learning.text import accept_line
from harka.learning.user import UserChanges, UserDraft
from harka.learning.user_row import row_of
from harka.learning.work import UnitOfWork
from harka.repositories import scim_user as people
from harka.repositories.scim_list import Asked, Page
from harka.repositories.scim_user import Known, Membership, ScimUser, Taker
from harka.repositories.user import User, UserStatus
from harka.storage.session import UniqueError
from harka.tenancy.permission import Permission

ROLES: Final = (Role.LEARNER, Role.INSTRUCTOR, Role.MANAGER)
"""What a directory may make of somebody."""
LONGEST_USER_NAME: Final = 320
LONGEST_EXTERNAL_ID: Final = 255
LARGEST_ATTRIBUTES: Final = 32_768
"""Bytes of JSON of what a directory says of somebody."""
_GROUPS_SHOWN: Final = 100


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as a directory describes them. `role`: None for what they are, or a learner.

    `active`: None for what they are, or active. `attributes`: what is stored nowhere else.
    """

    user_name: str
    email: str
    name: str
    role: str | None = None
    locale: str | None = None
    timezone: str | None = None
    active: bool | None = None
    external_id: str | None = None
    email_type: str = "work"
    attributes: dict[str, Any] = {}


async def find(work: UnitOfWork, id_: UUID) -> ScimUser:
    """Raise `NotFoundError`, also for whom the directory took away."""
    _require_reader(work)
    found = await people.find_by_ids(work.session, [id_])
    if not found:
        raise _absent()
    return found[0]


async def search(work: UnitOfWork, asked: Asked) -> Page[ScimUser]:
    _require_reader(work)
    return await people.LISTED.find(work.session, asked)


async def groups_of(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[Membership]]:
    """The first groups of each; who is in none is left out."""
    _require_reader(work)
    listed: dict[UUID, list[Membership]] = {}
    for each in await people.groups_of(work.session, ids, most=_GROUPS_SHOWN) if ids else []:
        listed.setdefault(each.user_id, []).append(each)
    return listed


async def create(work: UnitOfWork, person: Person) -> ScimUser:
    """Somebody new, or again whom the directory took away before.

    Raise `TakenError` for a name or an address that somebody has; else like `user.create`.
    """
    (made,) = await create_many(work, [person])
    if isinstance(made, HarkaError):
        raise made
    return made


async def create_many(work: UnitOfWork, asked: Sequence[Person]) -> list[ScimUser | HarkaError]:
    """Like `create` for each, with their own fate: five statements however many are new.

    Seats go to the first in the order given. Raise for what the actor may not do at all, and `TakenError`
    when somebody else takes a name just now.
    """
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    fates: list[ScimUser | HarkaError | None] = [None] * len(asked)
    takers = await _takers(work, asked)
    new: dict[int, tuple[User, Known]] = {}
    names: set[str] = set()
    for place, person in enumerate(asked):
        holders = takers.get(place, [])
        called = {person.user_name.casefold(), person.email.casefold()}
        try:
            if any(not each.removed for each in holders) or len(holders) > 1 or called & names:
                raise _taken()
            if holders:
                async with work.savepoint():
                    fates[place] = await _take_back(work, holders[0].id, person)
            else:
                row = row_of(work, msgspec.structs.asdict(_draft(person)))
                new[place] = row, _known(row.id, person)
            names |= called
        except HarkaError as error:
            fates[place] = error
    await _insert(work, new, fates)
    return [each for each in fates if each is not None]


async def hold(work: UnitOfWork, id_: UUID) -> ScimUser:
    """Keep somebody as they are until this unit ends. Raise like `user.hold`."""
    work.context.require_everybody()
    await user.hold(work, id_)
    return await find(work, id_)


async def replace(work: UnitOfWork, before: ScimUser, person: Person) -> ScimUser:
    """Describe somebody, who is held, anew. Nothing is written when nothing is different.

    Raise `TakenError`; else like `user.update`, `user.deactivate` and `user.reactivate`.
    """
    held, known = before.user, _known(before.id, person)
    changes = _changes(held, person)
    is_known = before.attributes is not None and known == Known(
        before.id,
        before.user_name,
        before.external_id,
        before.email_type or "work",
        _sorted(from_json(before.attributes)),
    )
    if changes != UserChanges():
        held = await user.update(work, before.id, changes, version=held.version)
    elif not is_known:
        # another version, and nothing that anybody else would hear of
        held = await user.write(work, held)
    if not is_known:
        await _write(work, [known])
    if person.active is not None and person.active != (held.status == UserStatus.ACTIVE):
        held = await (user.reactivate if person.active else user.deactivate)(work, before.id)
    return _shown(held, known)


async def remove(work: UnitOfWork, before: ScimUser) -> None:
    """Take somebody, who is held, away: they are let in no more, are in no group, and are not found any more.

    What they learned stays. Raise like `user.deactivate`.
    """
    gone = await user.deactivate(work, before.id)
    await group_member.leave_all(work, before.id)
    await people.remove(work.session, gone)


async def _takers(work: UnitOfWork, asked: Sequence[Person]) -> dict[int, list[Taker]]:
    listed: dict[int, list[Taker]] = {}
    for each in await people.takers(work.session, [(person.user_name, person.email) for person in asked]):
        listed.setdefault(each.place - 1, []).append(each)
    return listed


async def _insert(
    work: UnitOfWork, new: dict[int, tuple[User, Known]], fates: list[ScimUser | HarkaError | None]
) -> None:
    wanting = [place for place, (row, _) in new.items() if row.status == UserStatus.ACTIVE]
    seats = await user.count_seats(work) if wanting else None
    if seats is not None:
        for place in wanting[seats.free :]:
            if (error := seats.refusal(work, seats.free)) is not None:
                fates[place] = error
                del new[place]
    await user.insert_many(work, [row for row, _ in new.values()])
    await _write(work, [known for _, known in new.values()])
    for place, (row, known) in new.items():
        fates[place] = _shown(row, known)


async def _take_back(work: UnitOfWork, id_: UUID, person: Person) -> ScimUser:
    """Somebody whom the directory took away: what they learned is theirs again."""
    held = await user.hold(work, id_)
    changes = _changes(held, person)
    if changes != UserChanges():
        held = await user.update(work, id_, changes, version=held.version)
    if person.active is not False:
        held = await user.reactivate(work, id_)
    known = _known(id_, person)
    await _write(work, [known])
    return _shown(held, known)


async def _write(work: UnitOfWork, known: Sequence[Known]) -> None:
    try:
        await people.write_many(work.session, known)
    except UniqueError as error:
        raise _taken() from error


def _draft(person: Person) -> UserDraft:
    return UserDraft(
        email=person.email,
        name=person.name,
        role=Role.LEARNER if person.role is None else _accepted_role(person.role),
        locale=person.locale,
        timezone=person.timezone,
        status=UserStatus.INACTIVE if person.active is False else UserStatus.ACTIVE,
    )


def _changes(held: User, person: Person) -> UserChanges:
    """What is different; of a role that is beyond a directory nothing."""
    role: str | UnsetType = UNSET
    if person.role is not None and person.role != held.role and held.role in ROLES:
        role = _accepted_role(person.role)

    def new(before: Any, after: Any) -> Any:
        return UNSET if before == after else after

    return UserChanges(
        email=new(held.email, person.email),
        name=new(held.name, person.name),
        role=role,
        locale=new(held.locale, person.locale),
        timezone=new(held.timezone, person.timezone),
    )


def _accepted_role(role: str) -> str:
    if role not in ROLES:
        raise ValidationError(f"A directory gives these roles: {', '.join(ROLES)}.", field="roles")
    return role


def _known(id_: UUID, person: Person) -> Known:
    """Raise `ValidationError` for what cannot be kept."""
    name = accept_line(person.user_name, "userName", longest=LONGEST_USER_NAME)
    external = person.external_id
    if external is not None:
        external = accept_line(external, "externalId", longest=LONGEST_EXTERNAL_ID)
    attributes = _sorted(person.attributes)
    if len(attributes) > LARGEST_ATTRIBUTES:
        raise ValidationError("This is more than is kept of a person.")
    return Known(id_, name, external, person.email_type, attributes)


def _sorted(attributes: dict[str, Any]) -> str:
    """JSON that is equal where what it says is."""
    return sorted_json_bytes(attributes).decode()


def _shown(held: User, known: Known) -> ScimUser:
    said = known.user_name, known.external_id, known.email_type, known.attributes
    return ScimUser(*(*msgspec.structs.astuple(held), *said))


def _require_reader(work: UnitOfWork) -> None:
    work.context.require(Permission.USER_READ)
    work.context.require_everybody()


def _absent() -> NotFoundError:
    return NotFoundError("There is no such user here.", field="id")


def _taken() -> TakenError:
    return TakenError("Somebody else has this name or address.", field="userName")
