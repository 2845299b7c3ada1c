"""What can be done to people by SCIM: each function is one request, or one operation of many."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from harka.codec import from_json
from harka.errors import HarkaError
from harka.ids import NodeKind
from harka.learning import scim_user
from harka.learning.scim_user import Person
from harka.learning.work import UnitOfWork
from harka.repositories.scim_user import COLUMNS, SORTED, ScimUser
from harka.web.scim import models
from harka.web.scim.etag import require_match
from harka.web.scim.filter import Filterable
from harka.web.scim.names import Names
from harka.web.scim.person import CORE, Resource, person_of, resource_of
from harka.web.scim.projection import EVERYTHING, Projection
from harka.web.scim.query import Query, query_of
from harka.web.scim.reading import patched, plain, read_resource, without

FILTERABLE: Final = Filterable("User", CORE, COLUMNS, {"id": NodeKind.USER, "groups.value": NodeKind.GROUP})


async def read(work: UnitOfWork, names: Names, id_: str, projection: Projection = EVERYTHING) -> Resource:
    """Raise `NotFoundError`."""
    row = await scim_user.find(work, names.open(NodeKind.USER, id_))
    return (await _resources(work, names, [row], projection))[0]


async def search(work: UnitOfWork, names: Names, query: Query) -> tuple[list[Resource], int]:
    """So many of those that match, and how many do."""
    found = await scim_user.search(work, query.asked)
    resources = await _resources(work, names, found.rows, query.projection)
    return [query.projection.of(each) for each in resources], found.total


def asked(given: Mapping[str, Any], names: Names, others: frozenset[str] = frozenset()) -> Query:
    return query_of(given, msgspec.structs.replace(FILTERABLE, others=others), SORTED, names)


async def create(work: UnitOfWork, names: Names, given: Resource) -> Resource:
    row = await scim_user.create(work, read_person(given))
    return (await _resources(work, names, [row]))[0]


async def create_many(
    work: UnitOfWork, names: Names, people: Sequence[Person]
) -> list[Resource | HarkaError]:
    made = await scim_user.create_many(work, people)
    return [each if isinstance(each, HarkaError) else resource_of(each, [], names) for each in made]


async def replace(
    work: UnitOfWork, names: Names, id_: str, given: Resource, if_match: str | None = None
) -> Resource:
    row = await _held(work, names, id_, if_match)
    return await _replaced(work, names, row, read_person(given, row))


async def patch(
    work: UnitOfWork, names: Names, id_: str, given: Resource, if_match: str | None = None
) -> Resource:
    row = await _held(work, names, id_, if_match)
    whole = without(resource_of(row, [], names), {"meta", "groups"})
    changed = patched(models.Person.model_validate(whole), given)
    return await _replaced(work, names, row, person_of(plain(changed), _kept(row)))


async def remove(work: UnitOfWork, names: Names, id_: str, if_match: str | None = None) -> None:
    await scim_user.remove(work, await _held(work, names, id_, if_match))


def read_person(given: Resource, before: ScimUser | None = None) -> Person:
    """Who is described. `before`: as they are, if there is somebody. Raise `ScimRequestError`."""
    said = dict(given)
    present = {name.lower() for name in said}
    if "active" not in present:
        # it is required, and what nobody says stays
        said["active"] = before is None or before.status == "active"
    user_name = next((value for name, value in said.items() if name.lower() == "username"), None)
    if "emails" not in present and isinstance(user_name, str):
        said["emails"] = [{"value": user_name, "type": "work", "primary": True}] if "@" in user_name else []
    read_ = read_resource(models.Person, said)
    return person_of(plain(read_), {} if before is None else _kept(before))


async def _held(work: UnitOfWork, names: Names, id_: str, if_match: str | None) -> ScimUser:
    row = await scim_user.hold(work, names.open(NodeKind.USER, id_))
    require_match(if_match, str(row.version))
    return row


async def _replaced(work: UnitOfWork, names: Names, row: ScimUser, person: Person) -> Resource:
    written = await scim_user.replace(work, row, person)
    return (await _resources(work, names, [written]))[0]


async def _resources(
    work: UnitOfWork, names: Names, found: Sequence[ScimUser], projection: Projection = EVERYTHING
) -> list[Resource]:
    groups = await scim_user.groups_of(work, [row.id for row in found]) if projection.needs("groups") else {}
    return [resource_of(row, groups.get(row.id, []), names) for row in found]


def version_of(resource: Resource) -> str:
    return str(resource["meta"]["version"])


def _kept(row: ScimUser) -> Resource:
    kept: Resource = {} if row.attributes is None else from_json(row.attributes)
    return kept
