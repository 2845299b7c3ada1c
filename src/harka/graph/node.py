"""The Relay `Node` interface: which struct is which type, and how an id finds its struct."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import strawberry

from harka.errors import ForbiddenError, ValidationError
from harka.graph.caching import CacheControlDirective
from harka.graph.context import Info, RequestContext
from harka.graph.field import described, field
from harka.graph.loaders.loader import Loader
from harka.ids import NodeKind

T = TypeVar("T")

MOST_NODES = 100


class _Kind(msgspec.Struct, frozen=True):
    struct: type
    kind: NodeKind
    type_name: str
    loader: type[Loader[UUID, Any]]


# filled by `node_type` when the types are imported, and never changed after
_BY_STRUCT: dict[type, _Kind] = {}
_BY_KIND: dict[NodeKind, _Kind] = {}
_BY_NAME: dict[str, _Kind] = {}


def _sealed_id(root: Any, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, _BY_STRUCT[type(root)].kind, root.id)


@strawberry.interface(
    description="Whatever has an id of its own. An id is opaque and means something in its organization only."
)
class Node:
    id: strawberry.ID = field(
        _sealed_id, "Names this object for ever, in its organization only. Opaque: do not take it apart."
    )

    @classmethod
    def resolve_type(cls, value: object, _info: Any, _type: Any) -> str:
        return _BY_STRUCT[type(value)].type_name


def node_type(
    struct: type,
    kind: NodeKind,
    loader: type[Loader[UUID, Any]],
    *,
    cached: CacheControlDirective | None = None,
) -> Callable[[type[T]], type[T]]:
    """Declare the class as the GraphQL type of `struct`, found by `loader`.

    `cached`: for how long an answer with it may be kept. Whatever changes its objects must then tell the
    cache (`UnitOfWork.invalidate`).
    """

    def declare(cls: type[T]) -> type[T]:
        # the structs are not instances of the class, so the class says which are its own
        cls.is_type_of = staticmethod(lambda value, _info: type(value) is struct)  # type: ignore[attr-defined]  # for strawberry.type
        directives = [] if cached is None else [cached]
        declared = strawberry.type(cls, description=described(cls), directives=directives)
        known = _Kind(struct, kind, cls.__name__, loader)
        _BY_STRUCT[struct] = _BY_KIND[kind] = _BY_NAME[known.type_name] = known
        return declared

    return declare


def struct_of(type_name: str) -> tuple[type | None, int]:
    """Which struct the objects of a GraphQL type are, and its `NodeKind`; None and 0 for what is no node."""
    known = _BY_NAME.get(type_name)
    return (None, 0) if known is None else (known.struct, known.kind)


def is_node_id(resolver: Callable[..., Any]) -> bool:
    """Whether it is what resolves `Node.id`."""
    return resolver is _sealed_id


async def find_node(context: RequestContext, id_: str) -> Any:
    """None when it is absent or not the caller's to see. Raise `InvalidIdError` before any SQL."""
    return await find_of_kind(context, *context.runtime.node_ids.open(context.tenant.id, id_))


async def find_nodes(context: RequestContext, ids: Sequence[str]) -> list[Any]:
    """Like `find_node`, in the order of `ids`. Raise `ValidationError` for more than `MOST_NODES`."""
    if len(ids) > MOST_NODES:
        raise ValidationError(f"At most {MOST_NODES} ids.", field="ids")
    opened = [context.runtime.node_ids.open(context.tenant.id, id_) for id_ in ids]
    return await asyncio.gather(*(find_of_kind(context, kind, id_) for kind, id_ in opened))


async def find_of_kind(context: RequestContext, kind: NodeKind, id_: UUID) -> Any:
    """None when it is absent or not the caller's to see."""
    try:
        return await context.loaders.of(_BY_KIND[kind].loader).load(id_)
    except ForbiddenError:
        # not allowed and not there look the same
        return None
