"""Who may ask for a field, stated where the field is declared: enforced, and printed in `schema.graphql`."""

import enum
from collections.abc import Awaitable, Callable
from typing import Any, assert_never

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from harka.tenancy.permission import Permission


class Access(enum.Enum):
    """What a field may require besides a permission."""

    OPEN = "open"
    """Nothing: whoever reached the parent may ask, or everyone."""
    SIGNED_IN = "signed in"
    """An identity; which rows are shown is decided by the row."""


Required = Permission | Access


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requires",
    description=(
        "The field answers callers who hold `permission` in their organization; others get FORBIDDEN. "
        "Without a permission it answers every signed-in caller. Anonymous callers get UNAUTHENTICATED."
    ),
)
class RequiresDirective:
    permission: str | None = strawberry.UNSET


class Requires(FieldExtension):
    """Refuses a caller before anything is done."""

    def __init__(self, required: Required) -> None:
        self.required = required

    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any) -> Any:
        info.context.require(self.required)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Any, **kwargs: Any
    ) -> Any:
        info.context.require(self.required)
        return await next_(source, info, **kwargs)


def told(description: str, required: Required) -> str:
    """With who may ask: what tools read of a schema (GraphiQL, generated documents) has no directives."""
    match required:
        case Permission():
            return f"{description} Needs `{required.value}`."
        case Access.SIGNED_IN:
            return f"{description} For every signed-in caller."
        case Access.OPEN:
            return description
        case _:
            assert_never(required)


def guard(required: Required) -> tuple[list[FieldExtension], list[object]]:
    """The extensions and directives of a field."""
    if required is Access.OPEN:
        return [], []
    permission = required.value if isinstance(required, Permission) else None
    return [Requires(required)], [RequiresDirective(permission=permission)]
