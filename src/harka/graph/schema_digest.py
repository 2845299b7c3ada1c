"""What names a schema in a few bytes, so that what was kept under another one is never taken for its own.

Not of the printed text: that takes 120 ms, this 11. Descriptions do not count: no answer that is kept shows
one.
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from graphql import GraphQLSchema, print_ast

from harka import __version__

_DEFINITION: Final = "strawberry-definition"


@functools.cache
def digest(schema: GraphQLSchema) -> bytes:
    """16 bytes, the same in every process of a release: others for another release, or another schema."""
    told = "\n".join([__version__, *_lines(schema)])
    return hashlib.blake2b(told.encode(), digest_size=16).digest()


def _lines(schema: GraphQLSchema) -> Iterator[str]:
    for name, type_ in sorted(schema.type_map.items()):
        above = (*getattr(type_, "interfaces", ()), *getattr(type_, "types", ()))
        yield f"{type(type_).__name__} {name} {_names(above)}{_declared(type_)}"
        yield from getattr(type_, "values", ())
        for field_name, field in getattr(type_, "fields", {}).items():
            yield f" {field_name}:{field.type}={_default(field)}{_declared(field)}"
            for argument_name, argument in getattr(field, "args", {}).items():
                yield f"  {argument_name}:{argument.type}={_default(argument)}"


def _names(types: Iterable[Any]) -> str:
    return ",".join(sorted(map(str, types)))


def _default(thing: Any) -> str:
    """Of an argument, or an input's field: with another one, the same question asks something else."""
    given = getattr(thing, "default", None)
    if given is None:
        # Strawberry's way
        return repr(getattr(thing, "default_value", None))
    return repr(given.value) if given.literal is None else print_ast(given.literal)


def _declared(thing: Any) -> str:
    """Who may read it, and for how long it may be kept: its directives."""
    definition = thing.extensions.get(_DEFINITION)
    return "".join(f"@{each!r}" for each in getattr(definition, "directives", None) or ())
