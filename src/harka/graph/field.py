"""How the graph is declared. It has no objects of its own.

A class gives names, types and words; it is never instantiated. Resolvers answer with the frozen structs that
repositories and rules return, and take them as `root`. A field without a resolver is the attribute of the
same name on the struct, which is why an executor may read it by slot.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import strawberry

from harka.graph.atomic import Atomic
from harka.graph.caching import CacheControlDirective
from harka.graph.loaders.loader import Loader
from harka.graph.permission import Access, Required, guard, told

T = TypeVar("T")


def described(cls: type) -> str:
    """The docstring as a description: lines joined, paragraphs kept."""
    text = cls.__dict__.get("__doc__")
    if not text:
        raise TypeError(f"{cls.__name__} needs a docstring: clients read it")
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def graph_type(cls: type[T]) -> type[T]:
    """An object type, described by its docstring."""
    return strawberry.type(cls, description=described(cls))


def graph_input(cls: type[T]) -> type[T]:
    """An input type, described by its docstring."""
    return strawberry.input(cls, description=described(cls))


def leaf(
    description: str,
    *,
    name: str | None = None,
    deprecation_reason: str | None = None,
    cached: CacheControlDirective | None = None,
) -> Any:
    """The struct's attribute of the same name. `deprecation_reason`: by `deprecation.deprecated`."""
    return strawberry.field(
        description=description,
        name=name,
        deprecation_reason=deprecation_reason,
        directives=[] if cached is None else [cached],
    )


def value(description: str, **default: Any) -> Any:
    """A field of an input."""
    return strawberry.field(description=description, **default)


def field(
    resolver: Callable[..., Any],
    description: str,
    *,
    requires: Required = Access.OPEN,
    name: str | None = None,
    several: bool = False,
    deprecation_reason: str | None = None,
    cached: CacheControlDirective | None = None,
) -> Any:
    """What `resolver(root, info, …)` answers or awaits: a struct, a list of structs, or a value.

    `several`: it may send more than one statement, which are to see one snapshot. `cached`: for how long its
    answer may be kept, where the type it answers does not say so.
    """
    if several:
        _SEVERAL.add(resolver)
    extensions, directives = guard(requires)
    return strawberry.field(
        resolver=resolver,
        description=told(description, requires),
        name=name,
        deprecation_reason=deprecation_reason,
        extensions=extensions,
        directives=directives if cached is None else [*directives, cached],
    )


class Related(msgspec.Struct, frozen=True):
    """A field that `loader` answers, for the object's attribute `key`."""

    loader: type[Loader[Any, Any]]
    key: str


_RELATED: dict[Callable[..., Any], Related] = {}
_SEVERAL: set[Callable[..., Any]] = set()


def related(
    loader: type[Loader[Any, Any]],
    key: str,
    description: str,
    *,
    requires: Required = Access.OPEN,
    name: str | None = None,
    deprecation_reason: str | None = None,
) -> Any:
    """What `loader` answers for the struct's attribute `key`: for many structs in one call."""

    def resolver(root: Any, info: strawberry.Info[Any, Any]) -> Any:
        return info.context.loaders.of(loader).load(getattr(root, key))

    _RELATED[resolver] = Related(loader, key)
    return field(resolver, description, requires=requires, name=name, deprecation_reason=deprecation_reason)


def related_of(resolver: Callable[..., Any]) -> Related | None:
    """How a resolver that `related` made finds its answers; None for any other."""
    return _RELATED.get(resolver)


def sends_several(resolver: Callable[..., Any]) -> bool:
    """Whether it was declared so."""
    return resolver in _SEVERAL


def mutation(
    resolver: Callable[..., Any],
    description: str,
    *,
    requires: Required,
    deprecation_reason: str | None = None,
) -> Any:
    """What `resolver(info, input)` awaits: a payload."""
    extensions, directives = guard(requires)
    # the last extension is the outermost: the permission is checked before anything else
    return strawberry.mutation(
        resolver=resolver,
        description=told(description, requires),
        deprecation_reason=deprecation_reason,
        extensions=[Atomic(), *extensions],
        directives=directives,
    )


def subscription(
    resolver: Callable[..., Any],
    description: str,
    *,
    requires: Required,
    deprecation_reason: str | None = None,
) -> Any:
    """What `resolver(info, …)` awaits: an async iterator of structs."""
    extensions, directives = guard(requires)
    return strawberry.subscription(
        resolver=resolver,
        description=told(description, requires),
        deprecation_reason=deprecation_reason,
        extensions=extensions,
        directives=directives,
    )
