"""What can be done to groups by SCIM: each function is one request, or one operation of many."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from harka.ids import NodeKind
from harka.learning import scim_group
from harka.learning.scim_group import Change
from harka.learning.work import UnitOfWork
from harka.repositories.group_member import GroupMember
from harka.repositories.scim_group import COLUMNS, SORTED, ScimGroup
from harka.repositories.scim_group import Membership as Digest
from harka.web.scim import models
from harka.web.scim.etag import require_match, tag
from harka.web.scim.filter import Filterable
from harka.web.scim.members import people_of, steps_of
from harka.web.scim.models import CORE_GROUP
from harka.web.scim.names import Names
from harka.web.scim.person import Resource
from harka.web.scim.projection import EVERYTHING, Projection
from harka.web.scim.query import Query, query_of
from harka.web.scim.reading import plain, read_resource

FILTERABLE: Final = Filterable(
    "Group", CORE_GROUP, COLUMNS, {"id": NodeKind.GROUP, "members.value": NodeKind.USER}
)


async def read(work: UnitOfWork, names: Names, id_: str, projection: Projection = EVERYTHING) -> Resource:
    """Raise `NotFoundError`."""
    row = await scim_group.find(work, names.open(NodeKind.GROUP, id_))
    return await _resource(work, names, row, projection)


async def search(work: UnitOfWork, names: Names, query: Query) -> tuple[list[Resource], int]:
    """So many of those that match, and how many do. No version is told: members would be read for it."""
    found = await scim_group.search(work, query.asked)
    shows = query.projection.needs("members")
    members = await scim_group.members_of(work, [row.id for row in found.rows]) if shows else {}
    resources = [resource_of(row, members.get(row.id, []), names) for row in found.rows]
    return [query.projection.of(each) for each in resources], found.total


def asked(given: Mapping[str, Any], names: Names, others: frozenset[str] = frozenset()) -> Query:
    return query_of(given, msgspec.structs.replace(FILTERABLE, others=others), SORTED, names)


async def create(work: UnitOfWork, names: Names, given: Resource) -> Resource:
    name, external_id, members = _read(given, names)
    row = await scim_group.create(work, name=name, external_id=external_id, members=members)
    return await _resource(work, names, row)


async def replace(
    work: UnitOfWork, names: Names, id_: str, given: Resource, if_match: str | None = None
) -> Resource:
    held = await _held(work, names, id_, if_match)
    name, external_id, members = _read(given, names)
    change = Change(
        name=msgspec.UNSET if name == held.name else name,
        external_id=msgspec.UNSET if external_id == held.external_id else external_id,
        members=members,
    )
    await scim_group.change(work, held, [change])
    return await _resource(work, names, await scim_group.find(work, held.id))


async def patch(
    work: UnitOfWork, names: Names, id_: str, given: Resource, if_match: str | None = None
) -> None:
    steps = steps_of(given, names)
    await scim_group.change(work, await _held(work, names, id_, if_match), steps)


async def remove(work: UnitOfWork, names: Names, id_: str, if_match: str | None = None) -> None:
    found = names.open(NodeKind.GROUP, id_)
    version = None
    if if_match is not None:
        row = await scim_group.find(work, found)
        require_match(if_match, _version(row, await scim_group.membership(work, found)))
        version = row.version
    await scim_group.remove(work, found, version=version)


def resource_of(row: ScimGroup, members: Sequence[GroupMember], names: Names) -> Resource:
    told: Resource = {
        "schemas": [CORE_GROUP],
        "id": names.id(NodeKind.GROUP, row.id),
        "displayName": row.name,
    }
    if row.external_id is not None:
        told["externalId"] = row.external_id
    if members:
        told["members"] = [_member(each, names) for each in members]
    told["meta"] = {
        "resourceType": "Group",
        "created": row.created_at,
        "lastModified": row.updated_at,
        "location": names.location(NodeKind.GROUP, row.id),
    }
    return told


async def _resource(
    work: UnitOfWork, names: Names, row: ScimGroup, projection: Projection = EVERYTHING
) -> Resource:
    shows = projection.needs("members")
    members = await scim_group.members_of(work, [row.id]) if shows else {}
    told = resource_of(row, members.get(row.id, []), names)
    told["meta"]["version"] = tag(_version(row, await scim_group.membership(work, row.id)))
    return told


async def _held(work: UnitOfWork, names: Names, id_: str, if_match: str | None) -> ScimGroup:
    held = await scim_group.hold(work, names.open(NodeKind.GROUP, id_))
    if if_match:
        require_match(if_match, _version(held, await scim_group.membership(work, held.id)))
    return held


def _read(given: Resource, names: Names) -> tuple[str, str | None, frozenset[Any]]:
    said = plain(read_resource(models.Group, given))
    members = said.get("members")
    return (
        str(said.get("displayName") or ""),
        said.get("externalId"),
        people_of(members, names) if members else frozenset(),
    )


def _version(row: ScimGroup, members: Digest) -> str:
    return f"{row.version}.{members.members:x}.{members.digest & 0xFFFF_FFFF_FFFF_FFFF:x}"


def _member(each: GroupMember, names: Names) -> Resource:
    return {
        "value": names.id(NodeKind.USER, each.user_id),
        "$ref": names.location(NodeKind.USER, each.user_id),
        "type": "User",
    }
