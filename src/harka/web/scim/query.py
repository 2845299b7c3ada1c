"""Which resources are asked for, in which order, how many, and what of them (RFC 7644, section 3.4.2)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from harka.errors import ScimRequestError
from harka.repositories.scim_condition import EVERYTHING
from harka.repositories.scim_list import OLDEST_FIRST, Asked
from harka.web.scim.filter import Filterable, condition_of
from harka.web.scim.models import MOST_RESULTS
from harka.web.scim.names import Names
from harka.web.scim.projection import Projection, projection_of

LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_USUAL: Final = 100
_FURTHEST: Final = 2**31
_NAMES: Final = ("filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes")


class Query(msgspec.Struct, frozen=True):
    """`projection`: what is shown of what is found."""

    asked: Asked
    projection: Projection


def query_of(
    given: Mapping[str, Any], resource: Filterable, sorted_by: Mapping[str, str], names: Names
) -> Query:
    """`given`: parameters of an address, or what a search says. Raise `ScimRequestError`."""
    asked = {name.lower(): value for name, value in given.items()}
    said = {name: asked.get(name.lower()) for name in _NAMES}
    filter_, by, order = (said[name] for name in ("filter", "sortBy", "sortOrder"))
    if not all(each is None or isinstance(each, str) for each in (filter_, by, order)):
        raise ScimRequestError("filter, sortBy and sortOrder are texts.", "invalidValue")
    rows = Asked(
        condition=condition_of(filter_, resource, names) if filter_ else EVERYTHING,
        by=_order(by, resource, sorted_by) if by else OLDEST_FIRST,
        descending=(order or "").lower() == "descending",
        offset=max(_number(said["startIndex"], "startIndex", 1), 1) - 1,
        first=min(max(_number(said["count"], "count", _USUAL), 0), MOST_RESULTS),
    )
    return Query(rows, projection_of(said["attributes"], said["excludedAttributes"], resource.schema))


def list_of(resources: list[dict[str, Any]], total: int, offset: int) -> dict[str, Any]:
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": offset + 1,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }


def _order(by: str, resource: Filterable, sorted_by: Mapping[str, str]) -> str:
    name = by.lower().removeprefix(f"{resource.schema.lower()}:")
    if name not in sorted_by:
        if name in resource.others:
            # as if there were no value (RFC 7644, section 3.4.2.1)
            return "id"
        allowed = ", ".join(sorted(sorted_by))
        raise ScimRequestError(f"Nothing is sorted by {by[:100]}, but by: {allowed}.", "invalidPath")
    return name


def _number(given: object, name: str, usual: int) -> int:
    if given is None:
        return usual
    try:
        number = int(given) if isinstance(given, str | int) and not isinstance(given, bool) else None
    except ValueError:
        number = None
    if number is None:
        raise ScimRequestError(f"{name} is a whole number.", "invalidValue")
    return min(number, _FURTHEST)
