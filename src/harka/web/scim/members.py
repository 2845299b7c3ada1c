"""What a PATCH does to a group, as steps of the rules: members are not read for it, however many there are.

As the RFC writes it, and as Okta and Entra do: without a path, with operations in capitals, and who is to be
removed as a value.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from scim2_models import Path, SCIMException
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    ValuePath,
)

from harka.errors import ScimRequestError
from harka.ids import NodeKind
from harka.learning.scim_group import Change
from harka.web.scim.models import CORE_GROUP
from harka.web.scim.names import Names

_MOST: Final = 1_000
_NOBODY: Final[frozenset[UUID]] = frozenset()
_GROUP: Final = "group"


def steps_of(given: Mapping[str, Any], names: Names) -> list[Change]:
    """Raise `ScimRequestError`."""
    operations = next((value for name, value in given.items() if name.lower() == "operations"), None)
    if not isinstance(operations, list) or not 0 < len(operations) <= _MOST:
        raise ScimRequestError(f"Operations are a list of 1 to {_MOST}.", "invalidSyntax")
    return [step for each in operations for step in _steps(each, names)]


def people_of(value: object, names: Names) -> frozenset[UUID]:
    """Whom `members` name. Raise `ScimRequestError` for who is not here, and for what is no person."""
    listed = value if isinstance(value, list) else [value]
    return frozenset(_person(each, names) for each in listed)


def _steps(operation: object, names: Names) -> Iterable[Change]:
    if not isinstance(operation, dict):
        raise ScimRequestError("An operation is an object.", "invalidSyntax")
    said = {name.lower(): value for name, value in operation.items()}
    op, path = str(said.get("op", "")).lower(), said.get("path")
    if op not in _DO:
        raise ScimRequestError("An operation is add, remove or replace.", "invalidSyntax")
    if path is not None and not isinstance(path, str):
        raise ScimRequestError("A path is a text.", "invalidPath")
    if path:
        yield from _at(op, path, said.get("value"), names)
        return
    value = said.get("value")
    if op == "remove":
        raise ScimRequestError("To remove something takes a path.", "noTarget")
    if not isinstance(value, dict):
        raise ScimRequestError("Without a path the value is an object.", "invalidValue")
    for name, inner in value.items():
        if name.lower() not in {"schemas", "id", "meta"}:
            yield from _at(op, name, inner, names)


def _at(op: str, path: str, value: object, names: Names) -> Iterable[Change]:
    try:
        node = Path[Any](path).ast
    except (SCIMException, ValueError):
        raise ScimRequestError("This is no path.", "invalidPath") from None
    match node:
        case AttrPath(attr=attr, sub_attr=None, uri=uri) if uri is None or uri.lower() == CORE_GROUP.lower():
            name = attr.lower()
            if name == "members":
                yield _DO[op](value, names)
            elif name in {"displayname", "externalid"}:
                yield _named(op, name, value)
            elif name in {"id", "meta", "schemas"}:
                raise ScimRequestError(f"{attr} is ours to say.", "mutability")
            # a directory says what it has: what is no attribute here is passed over
        case ValuePath(attr_path=AttrPath(attr=attr), val_filter=chosen, sub_attr=None) if (
            attr.lower() == "members"
        ):
            if op != "remove":
                raise ScimRequestError("Who is in a group is added, or removed.", "mutability")
            found = (names.find(NodeKind.USER, each) for each in _values(chosen))
            yield Change(removed=frozenset(each for each in found if each is not None))
        case _:
            raise ScimRequestError("A group has no such attribute to be changed.", "invalidPath")


def _named(op: str, name: str, value: object) -> Change:
    if name == "externalid":
        text = None if op == "remove" or value in {None, ""} else value
        if text is None or isinstance(text, str):
            return Change(external_id=text)
    elif op == "remove":
        raise ScimRequestError("A group has a displayName.", "mutability")
    elif isinstance(value, str):
        return Change(name=value)
    raise ScimRequestError("This is a text.", "invalidValue")


def _add(value: object, names: Names) -> Change:
    return Change(added=people_of(value, names))


def _replace(value: object, names: Names) -> Change:
    return Change(members=_NOBODY if value in (None, []) else people_of(value, names))


def _remove(value: object, names: Names) -> Change:
    """Those named, as Entra writes it; everybody where nobody is. Who is not here is not in it."""
    if value in (None, []):
        return Change(members=_NOBODY)
    listed = value if isinstance(value, list) else [value]
    found = (names.find(NodeKind.USER, _id(each)) for each in listed)
    return Change(removed=frozenset(each for each in found if each is not None))


_DO: Final[Mapping[str, Callable[[object, Names], Change]]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}


def _values(node: FilterNode) -> Iterable[object]:
    """Of `value eq "…"`, and of several of these with `or` between."""
    match node:
        case Comparison(attr_path=AttrPath(attr=attr), op=CompareOperator.eq, value=value) if (
            attr.lower() == "value"
        ):
            yield value
        case LogicalExpr(op=LogicalOperator.or_, terms=terms):
            for each in terms:
                yield from _values(each)
        case _:
            raise ScimRequestError("Members are chosen by value eq.", "invalidFilter")


def _person(member: object, names: Names) -> UUID:
    if isinstance(member, dict) and str(member.get("type", "")).lower() == _GROUP:
        raise ScimRequestError("People alone are in groups here, not groups.", "invalidValue")
    found = names.find(NodeKind.USER, _id(member))
    if found is None:
        raise ScimRequestError("Somebody of these members is not here.", "invalidValue")
    return found


def _id(member: object) -> object:
    return member.get("value") if isinstance(member, dict) else member
