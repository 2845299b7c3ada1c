"""Which attributes of a resource are told: `attributes` and `excludedAttributes` (RFC 7644, section 3.9)."""

from typing import Any, Final

import msgspec

from harka.errors import ScimRequestError

Resource = dict[str, Any]

_ALWAYS: Final = frozenset({"id", "schemas"})
_MOST: Final = 100


class Projection(msgspec.Struct, frozen=True):
    """Names in lower case, without the URN of the resource itself. Both empty: everything."""

    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def needs(self, attribute: str) -> bool:
        """Whether an attribute is told; in lower case."""
        if self.only:
            return any(each == attribute or each.startswith(f"{attribute}.") for each in self.only)
        return attribute not in self.without

    def of(self, resource: Resource) -> Resource:
        return self._told(resource, _ALWAYS) if self.only or self.without else resource

    def _told(self, value: Resource, always: frozenset[str]) -> Resource:
        told: Resource = {}
        for name, inner in value.items():
            lower = name.lower()
            if lower in always or lower in self.only:
                told[name] = inner
            elif self.only:
                if parts := _parts(self.only, lower):
                    told[name] = _each(inner, Projection(only=parts))
            elif lower not in self.without:
                parts = _parts(self.without, lower)
                told[name] = _each(inner, Projection(without=parts)) if parts else inner
        return told


EVERYTHING: Final = Projection()


def projection_of(attributes: object, excluded: object, schema: str) -> Projection:
    """`attributes`, `excluded`: a list of names or a text with commas between. `schema`: of the resource.

    Raise `ScimRequestError`.
    """
    only, without = _names(attributes, schema), _names(excluded, schema)
    if only and without:
        raise ScimRequestError("Either attributes or excludedAttributes.", "invalidValue")
    return Projection(only, without)


def _names(given: object, schema: str) -> frozenset[str]:
    if given is None:
        return frozenset()
    listed = given.split(",") if isinstance(given, str) else given
    if (
        not isinstance(listed, list)
        or len(listed) > _MOST
        or not all(isinstance(each, str) for each in listed)
    ):
        raise ScimRequestError("Attributes are named in a list.", "invalidValue")
    core = f"{schema.lower()}:"
    return frozenset(each.strip().lower().removeprefix(core) for each in listed if each.strip())


def _parts(names: frozenset[str], name: str) -> frozenset[str]:
    """Those below `name`; the attributes of an extension follow a colon."""
    return frozenset(
        each[len(name) + 1 :] for each in names if each[: len(name) + 1] in {f"{name}.", f"{name}:"}
    )


def _each(value: Any, projection: Projection) -> Any:
    if isinstance(value, list):
        return [_each(item, projection) for item in value]
    return projection._told(value, frozenset()) if isinstance(value, dict) else value  # noqa: SLF001 - its own
