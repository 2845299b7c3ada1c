"""Groups that an organization's own directory keeps here: by the rules for all groups."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.errors import NotFoundError, ValidationError
from harka.learning import group, group_member
from harka.learning.batch import batches
from harka.learning.group import GroupChanges
from harka.learning.group_member import MOST_MEMBERS
from harka.learning.scim_user import LONGEST_EXTERNAL_ID
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import scim_group as groups
from harka.repositories.event import EventType
from harka.repositories.group_member import GroupMember
from harka.repositories.scim_group import Membership, ScimGroup
from harka.repositories.scim_list import Asked, Page
from harka.tenancy.permission import Permission

MOST_SHOWN = 20_000
"""Members of all groups of one answer."""
MOST_CHANGED = 20_000
"""Members of one request."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step. What is UNSET stays as it is. `members`: all that there shall be.

    `added`, `removed`: ids of people, who come and go after that.
    """

    name: str | UnsetType = UNSET
    external_id: str | UnsetType | None = UNSET
    members: frozenset[UUID] | UnsetType = UNSET
    added: frozenset[UUID] = frozenset()
    removed: frozenset[UUID] = frozenset()


class TooManyMembersError(ValidationError):
    """These groups have more members than are shown at once: leave out `members`."""


async def find(work: UnitOfWork, id_: UUID) -> ScimGroup:
    """Raise `NotFoundError`."""
    _require_reader(work)
    found = await groups.find_by_ids(work.session, [id_])
    if not found:
        raise NotFoundError("There is no such group here.", field="id")
    return found[0]


async def search(work: UnitOfWork, asked: Asked) -> Page[ScimGroup]:
    _require_reader(work)
    return await groups.LISTED.find(work.session, asked)


async def members_of(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, list[GroupMember]]:
    """All of each; empty ones are left out. Raise `TooManyMembersError`."""
    _require_reader(work)
    found = await groups.members(work.session, ids, most=MOST_SHOWN + 1) if ids else []
    if len(found) > MOST_SHOWN:
        raise TooManyMembersError
    listed: dict[UUID, list[GroupMember]] = {}
    for each in found:
        listed.setdefault(each.group_id, []).append(each)
    return listed


async def membership(work: UnitOfWork, id_: UUID) -> Membership:
    """Tells, with the group's version, whether anything is different."""
    _require_reader(work)
    return await groups.membership(work.session, id_)


async def create(
    work: UnitOfWork, *, name: str, external_id: str | None = None, members: Iterable[UUID] = ()
) -> ScimGroup:
    """A group at the top of the tree. Raise like `group.create` and `group_member.add`."""
    made = await group.create(work, name=name)
    await _change(
        work, made.id, Change(external_id=external_id or UNSET, added=frozenset(members)), made.version
    )
    return await find(work, made.id)


async def hold(work: UnitOfWork, id_: UUID) -> ScimGroup:
    """Keep a group as it is until this unit ends. Raise `NotFoundError`."""
    work.context.require(Permission.USER_WRITE)
    work.context.require_everybody()
    await group.hold(work, id_)
    return await find(work, id_)


async def change(work: UnitOfWork, held: ScimGroup, steps: Sequence[Change]) -> None:
    """Step by step. Raise like `group.update`; `ValidationError` for a member who is not here."""
    version = held.version
    for step in steps:
        version = await _change(work, held.id, step, version)


async def remove(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> None:
    """Take a group away; who was in it stays. Raise like `group.delete`."""
    # not held before: that takes the tree first, as everywhere
    await group.delete(work, id_, version=version)


async def _change(work: UnitOfWork, id_: UUID, step: Change, version: int) -> int:
    """Answers the next version."""
    if step.name is not UNSET:
        written = await group.update(work, id_, GroupChanges(name=step.name), version=version)
        version = written.version
    if step.external_id is not UNSET:
        external = step.external_id
        if external is not None:
            external = accept_line(external, "externalId", longest=LONGEST_EXTERNAL_ID)
        await groups.name(work.session, id_, external)
        work.record(EventType.GROUP_UPDATED, id_, fields=["external_id"])
        version += 1
    added, removed = step.added, step.removed
    if step.members is not UNSET:
        present = {each.user_id for each in await groups.members(work.session, [id_], most=MOST_SHOWN + 1)}
        if len(present) > MOST_SHOWN:
            raise TooManyMembersError
        added, removed = added | (step.members - present), removed | (present - step.members)
    if len(added) + len(removed) > MOST_CHANGED:
        raise ValidationError(f"At most {MOST_CHANGED:,} members at once.", field="members")
    for batch in batches(sorted(removed), MOST_MEMBERS):
        await group_member.remove(work, id_, batch)
    try:
        for batch in batches(sorted(added), MOST_MEMBERS):
            await group_member.add(work, id_, batch)
    except NotFoundError as error:
        raise ValidationError("Somebody of them is not here.", field="members") from error
    return version


def _require_reader(work: UnitOfWork) -> None:
    work.context.require(Permission.USER_READ)
    work.context.require_everybody()
