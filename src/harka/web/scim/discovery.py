"""What this server can do: `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644, section 4)."""

import functools
from typing import Any, Final

import msgspec

from harka.errors import NotFoundError
from harka.web.scim.models import provider
from harka.web.scim.query import list_of

PLACES: Final = frozenset({"ServiceProviderConfig", "ResourceTypes", "Schemas"})
_KEPT: Final = 64


class Described(msgspec.Struct, frozen=True):
    """`types`, `schemas`: by their id."""

    config: dict[str, Any]
    types: dict[str, dict[str, Any]]
    schemas: dict[str, dict[str, Any]]


@functools.lru_cache(_KEPT)
def described(base: str, largest: int) -> Described:
    """Of an address. `largest`: bytes of a request."""
    served = provider(base, largest=largest)
    types = [each.model_dump() for each in served.resource_types]
    for each in types:
        each["meta"] = {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{each['id']}"}
    schemas = [each.model_dump() for each in served.schemas]
    for each in schemas:
        each["meta"] = {"resourceType": "Schema", "location": f"{base}/Schemas/{each['id']}"}
    config = {} if served.config is None else served.config.model_dump()
    return Described(config, {each["id"]: each for each in types}, {each["id"]: each for each in schemas})


def found(place: str, id_: str | None, base: str, largest: int) -> dict[str, Any]:
    """Raise `NotFoundError`."""
    told = described(base, largest)
    if place == "ServiceProviderConfig":
        if id_ is not None:
            raise NotFoundError
        return told.config
    listed = told.types if place == "ResourceTypes" else told.schemas
    if id_ is None:
        return list_of(list(listed.values()), len(listed), 0)
    if id_ not in listed:
        raise NotFoundError
    return listed[id_]
