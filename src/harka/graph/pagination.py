"""Relay connections over keyset pages, forward only.

A page continues after the last row seen, so rows added or removed meanwhile neither repeat nor hide others.
Pages before a cursor would need every list statement twice, for a direction no client of ours has;
`hasPreviousPage` says only whether the page was asked for with `after`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Generic, Protocol, TypeVar, cast
from uuid import UUID

import msgspec
import strawberry

from harka.errors import ValidationError
from harka.graph.caching import INHERITED
from harka.graph.context import RequestContext
from harka.graph.cursor import Filter, Listing
from harka.graph.deprecation import deprecated
from harka.graph.field import field, graph_type, leaf
from harka.graph.loaders.loader import Loader
from harka.repositories.page import OLDEST_FIRST, Order, Position, position_of

T = TypeVar("T")

MOST_ROWS = 100

First = Annotated[int, strawberry.argument(description=f"How many at most: 0 to {MOST_ROWS}.")]
After = Annotated[
    str | None,
    strawberry.argument(
        description="Continue after this cursor of the same list with the same filters and order; "
        "anything else is INVALID_CURSOR."
    ),
]


FILTER_INSTEAD: Final = deprecated("Use filter.", until=date(2027, 6, 30))
"""Why an argument is deprecated that was there before its list had a filter."""


def either(given: T | None, before: T | None, field: str) -> T | None:
    """What the filter says, or else the argument `field` that was there before it.

    Raise `ValidationError` when they disagree.
    """
    if given is not None and before is not None and given != before:
        raise ValidationError("The filter says otherwise: leave this out.", field=field)
    return before if given is None else given


class OrderBy(Protocol):
    """An input of a list's order: an enum of attributes, and a direction."""

    @property
    def field(self) -> str: ...
    @property
    def direction(self) -> str: ...


def ordered(given: OrderBy | None, otherwise: Order = OLDEST_FIRST) -> Order:
    return otherwise if given is None else Order(str(given.field), str(given.direction))


Asked = str | bytes | float | UUID | datetime | None
"""What a list is narrowed to in one respect; None for nothing."""


class Row(Protocol):
    """Has the attribute that its list is ordered by, too."""

    @property
    def id(self) -> UUID: ...


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection is resolved from. `count` is called only when `totalCount` is asked for."""

    rows: Sequence[Any]
    listing: Listing
    has_next_page: bool
    has_previous_page: bool
    count: Callable[[], Awaitable[int]]


class _Edge(msgspec.Struct, frozen=True):
    node: Any
    listing: Listing


async def paginate(
    context: RequestContext,
    name: str,
    *,
    filters: tuple[Asked, ...] = (),
    order: Order = OLDEST_FIRST,
    first: int,
    after: str | None,
    fetch: Callable[[Position | None, int], Awaitable[Sequence[Row]]],
    count: Callable[[], Awaitable[int]],
) -> Slice:
    """One page of the list `name`: `fetch(after, limit)` reads it, one row more than is shown.

    Raise `ValidationError` for a `first` out of range, `InvalidCursorError` for a cursor of anything else.
    """
    listing = _listing(context, name, filters, order, first)
    position = None if after is None else listing.open(after)
    rows = await fetch(position, first + 1)
    return _slice(rows, first, listing, count, is_first=after is None)


def _slice(
    rows: Sequence[Row], first: int, listing: Listing, count: Callable[[], Awaitable[int]], *, is_first: bool
) -> Slice:
    """`rows`: one more than `first`, if there are so many."""
    return Slice(
        rows=rows[:first],
        listing=listing,
        has_next_page=len(rows) > first,
        has_previous_page=not is_first,
        count=count,
    )


def _listing(
    context: RequestContext, name: str, filters: tuple[Asked, ...], order: Order, first: int
) -> Listing:
    if not 0 <= first <= MOST_ROWS:
        raise ValidationError(f"Must be between 0 and {MOST_ROWS}.", field="first")
    bound = tuple(_bound(value) for value in filters)
    return Listing(context.runtime.keyring.cursor, context.tenant.id, name, bound, order=order)


def _bound(asked: Asked) -> Filter:
    if isinstance(asked, UUID):
        return asked.bytes
    if isinstance(asked, datetime):
        return asked.isoformat()
    return str(asked) if isinstance(asked, int | float) else asked


class Rules(msgspec.Struct, frozen=True):
    """How a rule lists something: `page(work, *of, after=, first=, order=, …)`, `count(work, *of, …)`.

    `kept`: where each row that was read is found again, if somewhere.
    """

    page: Callable[..., Awaitable[Sequence[Row]]]
    count: Callable[..., Awaitable[int]]
    kept: type[Loader[Any, Any]] | None = None


async def paginate_by(
    rules: Rules,
    context: RequestContext,
    name: str,
    *,
    of: tuple[UUID | None, ...] = (),
    only: Mapping[str, Asked],
    order: Order = OLDEST_FIRST,
    first: int,
    after: str | None,
) -> Slice:
    """Like `paginate`, of what `of` has and `only` asks for, by the names that the rules have for it."""

    async def fetch(position: Position | None, limit: int) -> Sequence[Row]:
        rows = await rules.page(context.work, *of, after=position, first=limit, order=order, **only)
        if rules.kept is not None:
            context.loaders.of(rules.kept).prime(rows)
        return rows

    return await paginate(
        context,
        name,
        filters=(*of, *only.values()),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: rules.count(context.work, *of, **only),
    )


class Below(msgspec.Struct, frozen=True, kw_only=True):
    """A list that every `parent` has: first pages of many are read together, and so are their counts.

    `asked`: what of it, its filter last; `bound`: that filter as a cursor is bound to it. Keys of `rows` are
    (parent, (limit, *asked)), those of `counts` (parent, the filter). Of what has neither, they are
    (parent, limit) and the parent.
    """

    name: str
    parent: UUID
    rows: type[Loader[Any, Any]]
    counts: type[Loader[Any, int]]
    asked: tuple[Any, ...] = ()
    bound: tuple[Asked, ...] = ()

    def key(self, limit: int) -> tuple[UUID, Any]:
        return self.parent, (limit, *self.asked) if self.asked else limit

    def count_key(self) -> tuple[UUID, Any] | UUID:
        return (self.parent, self.asked[-1]) if self.asked else self.parent


def paginate_below(
    context: RequestContext,
    below: Below,
    *,
    order: Order = OLDEST_FIRST,
    first: int,
    after: str | None,
    rest: Callable[[Position, int], Awaitable[Sequence[Row]]],
) -> Awaitable[Slice]:
    """Like `paginate`; `rest(after, limit)` reads what follows a first page.

    A first page is wanted, not awaited: no task for each parent.
    """
    loaders, filters = context.loaders, (below.parent.bytes, *below.bound)

    def count() -> Awaitable[int]:
        return loaders.of(below.counts).want(below.count_key())

    if after is not None:
        return paginate(
            context,
            below.name,
            filters=filters,
            order=order,
            first=first,
            after=after,
            # there is a position: a first page is read elsewhere
            fetch=cast("Callable[[Position | None, int], Awaitable[Sequence[Row]]]", rest),
            count=count,
        )
    listing = _listing(context, below.name, filters, order, first)

    def made(rows: Sequence[Row]) -> Slice:
        return _slice(rows, first, listing, count, is_first=True)

    return loaders.of(below.rows).want(below.key(first + 1), made)


def _cursor(listing: Listing, row: Row) -> str:
    return listing.seal(position_of(row, listing.order))


def _start_cursor(root: Slice) -> str | None:
    return _cursor(root.listing, root.rows[0]) if root.rows else None


def _end_cursor(root: Slice) -> str | None:
    return _cursor(root.listing, root.rows[-1]) if root.rows else None


@graph_type
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool = leaf("Whether there are rows after this page.")
    has_previous_page: bool = leaf(
        "Whether this page was asked for with `after`. Lists are read forward only."
    )
    start_cursor: str | None = field(_start_cursor, "The cursor of the first row; null on an empty page.")
    end_cursor: str | None = field(
        _end_cursor, "The cursor of the last row, for the next page's `after`; null on an empty page."
    )


def _edge_cursor(root: _Edge) -> str:
    return _cursor(root.listing, root.node)


@strawberry.type(description="One row of a connection, with its cursor.")
class Edge(Generic[T]):
    node: T = leaf("The row itself.", cached=INHERITED)
    cursor: str = field(_edge_cursor, "The position of the row in this list; pass it as `after`.")


def _edges(root: Slice) -> list[_Edge]:
    return [_Edge(row, root.listing) for row in root.rows]


def _rows(root: Slice) -> Sequence[Any]:
    return root.rows


def _page_info(root: Slice) -> Slice:
    return root


def _total_count(root: Slice) -> Awaitable[int]:
    return root.count()


@strawberry.type(description="One page of a list, in the order that was asked for.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = field(_edges, "The rows of the page, each with its cursor.", cached=INHERITED)
    nodes: list[T] = field(_rows, "The rows of the page.", cached=INHERITED)
    page_info: PageInfo = field(_page_info, "Where the page lies in the list.", cached=INHERITED)
    total_count: int = field(_total_count, "How many rows the whole list has. Counted only when asked for.")
