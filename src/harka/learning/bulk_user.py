"""Many people made and changed at once, each with their own fate."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID

import msgspec
from msgspec import UNSET

from harka.auth.permissions import Role, may_grant, permissions_of
from harka.errors import (
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    ValidationError,
)
from harka.learning import role as roles
from harka.learning import user, visibility
from harka.learning.bulk_enrollment import MOST, OnError
from harka.learning.user import UserChanges
from harka.learning.user_row import accepted, row_of, taken
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.user import User
from harka.tenancy.permission import Permission


class UserEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: None for somebody new, who needs an address and a name. `version`: None for any."""

    id: UUID | None = None
    version: int | None = None
    changes: UserChanges = UserChanges()


class Fate(msgspec.Struct, frozen=True):
    """What became of one entry. `user`: as they are now; None in a dry run, and for who was refused."""

    index: int
    user: User | None = None
    created: bool = False
    refused: HarkaError | None = None


class Outcome(msgspec.Struct, frozen=True):
    """`fates`: in the order of the entries. `rejected`: nothing was done, since somebody failed."""

    fates: list[Fate]
    rejected: bool = False


class _Plan(msgspec.Struct, frozen=True):
    """`before`: held, None for somebody new. `after`: as they are to be."""

    before: User | None
    after: User


class _UndoneError(Exception):
    """A dry run: nothing of it stays."""


async def write(
    work: UnitOfWork, entries: Sequence[UserEntry | HarkaError], *, on_error: OnError, dry_run: bool = False
) -> Outcome:
    """Like `user.create` and `user.update` for each, in seven statements at the most however many.

    An entry that is an error already is refused with it. Owners stay owners here: `user.update` unmakes them
    one by one. Seats go to the first in the order given.

    Raise `ValidationError` for more than `MOST`, and for an address that somebody else takes just now;
    `ForbiddenError` where `user.create` and `user.update` would: then nobody is made or changed.
    """
    work.context.require(Permission.USER_WRITE)
    if len(entries) > MOST:
        raise ValidationError(f"At most {MOST:,} people at once.", field="users")
    refused = {place: each for place, each in enumerate(entries) if isinstance(each, HarkaError)}
    given = {place: each for place, each in enumerate(entries) if isinstance(each, UserEntry)}
    plans = await _planned(work, given, refused)
    for look in (_require_roles, _require_addresses, _require_seats):
        refused |= await look(work, {place: each for place, each in plans.items() if place not in refused})
    if refused and on_error == OnError.REJECT_EVERYTHING:
        return Outcome(
            [Fate(place, refused=refused.get(place)) for place in range(len(entries))], rejected=True
        )
    able = {place: each for place, each in plans.items() if place not in refused}
    written = await _written(work, list(able.values()), dry_run=dry_run)
    fates = [
        Fate(place, refused=refused[place])
        if place in refused
        else Fate(place, written.get(able[place].after.id), created=able[place].before is None)
        for place in range(len(entries))
        if place not in refused or on_error != OnError.IGNORE_FAILED
    ]
    return Outcome(fates)


async def _planned(
    work: UnitOfWork, entries: Mapping[int, UserEntry], refused: dict[int, HarkaError]
) -> dict[int, _Plan]:
    """By their place; what cannot be of an entry alone is added to `refused`."""
    if any(entry.id is None for entry in entries.values()):
        work.context.require_everybody()
    ids = sorted({entry.id for entry in entries.values() if entry.id is not None})
    held = await users.lock_many(work.session, visibility.to_change(work.context), ids) if ids else []
    known = {each.id: each for each in held}
    plans: dict[int, _Plan] = {}
    for place, entry in entries.items():
        try:
            plans[place] = _plan(work, entry, known)
        except (ConflictError, NotFoundError, ValidationError) as error:
            refused[place] = error
        if entry.id is not None:
            # named once more, they would be changed from what they are not any more
            known.pop(entry.id, None)
    return plans


def _plan(work: UnitOfWork, entry: UserEntry, known: Mapping[UUID, User]) -> _Plan:
    given = {n: value for n, value in msgspec.structs.asdict(entry.changes).items() if value is not UNSET}
    if entry.id is None:
        for needed in ("email", "name"):
            if needed not in given:
                raise ValidationError("Somebody new needs it.", field=needed)
        return _Plan(None, row_of(work, {"role": Role.LEARNER, "locale": None, "timezone": None, **given}))
    before = known.get(entry.id)
    if before is None:
        raise NotFoundError("There is no such user here, or they are named before.", field="id")
    if entry.version is not None and before.version != entry.version:
        raise ConflictError
    after = msgspec.structs.replace(before, **accepted(work, given))
    if before.role == Role.OWNER and after.role != Role.OWNER:
        raise ConflictError("An owner becomes something else by updateUser.", field="role")
    return _Plan(before, after)


async def _require_roles(work: UnitOfWork, plans: Mapping[int, _Plan]) -> dict[int, HarkaError]:
    """Those whose role is not there. Raise `ForbiddenError` for a role that may do what the actor may not."""
    people = [each for plan in plans.values() for each in (plan.before, plan.after) if each is not None]
    own = await roles.permissions_of_many(work, [each.role_id for each in people if each.role_id is not None])
    for each in people:
        allowed = permissions_of(each.role) if each.role_id is None else own.get(each.role_id, frozenset())
        if not may_grant(work.context, allowed):
            raise ForbiddenError("Nobody can change, or make, who may do more than they may.")
    return {
        place: roles.no_role()
        for place, plan in plans.items()
        if plan.after.role_id is not None and plan.after.role_id not in own
    }


async def _require_addresses(work: UnitOfWork, plans: Mapping[int, _Plan]) -> dict[int, HarkaError]:
    """Those whose new address somebody has, or was given before in this call."""
    new = {
        place: plan.after
        for place, plan in plans.items()
        if plan.before is None or plan.before.email != plan.after.email
    }
    found = await users.find_by_emails(work.session, [each.email for each in new.values()]) if new else []
    holder = {each.email.lower(): each.id for each in found}
    refused: dict[int, HarkaError] = {}
    for place, after in new.items():
        if holder.setdefault(after.email.lower(), after.id) != after.id:
            refused[place] = taken()
    return refused


async def _require_seats(work: UnitOfWork, plans: Mapping[int, _Plan]) -> dict[int, HarkaError]:
    """Those who are new and find no seat."""
    new = [place for place, plan in plans.items() if plan.before is None]
    seats = await user.count_seats(work) if new else None
    if seats is None:
        return {}
    refusals = {place: seats.refusal(work, seats.free) for place in new[seats.free :]}
    return {place: error for place, error in refusals.items() if error is not None}


async def _written(work: UnitOfWork, plans: Sequence[_Plan], *, dry_run: bool) -> dict[UUID, User]:
    """By id, as they are now."""
    made = [plan.after for plan in plans if plan.before is None]
    changed = [plan.after for plan in plans if plan.before is not None and plan.before != plan.after]
    written = {plan.after.id: plan.after for plan in plans}
    with suppress(_UndoneError):
        async with work.savepoint():
            await user.insert_many(work, made)
            written |= {each.id: each for each in await user.write_many(work, changed)}
            for plan in plans:
                if plan.before is not None and plan.before != plan.after:
                    user.record_changes(work, plan.before, plan.after)
            if dry_run:
                raise _UndoneError
    return {} if dry_run else written
