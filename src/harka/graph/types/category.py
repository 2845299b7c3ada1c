from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.category import CategoryByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import CategoryOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import category
from harka.learning.text import accept_part
from harka.repositories.category import Category as CategoryRow
from harka.repositories.page import BY_NAME
from harka.tenancy.permission import Permission


@node_type(CategoryRow, NodeKind.CATEGORY, CategoryByIdLoader, cached=kept(60))
class Category(Node):
    """What courses are sorted by. Its courses are those of `courses(filter: {categoryId:})`."""

    name: str = leaf("What it is called; unique within the organization, whatever its case.")
    created_at: datetime = leaf("When the category was created.")
    updated_at: datetime = leaf("When the category last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class CategoryFilter:
    """Which categories; what is omitted leaves out none."""

    name: str | None = value("Only categories with this in their name, whatever its case.", default=None)


@graph_input
class CategoryOrderBy:
    """How categories are ordered."""

    field: CategoryOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    CategoryFilter | None,
    strawberry.argument(name="filter", description="Which categories; omit it for all."),
]
Ordered = Annotated[
    CategoryOrderBy | None,
    strawberry.argument(description="Omit it for the order of names."),
]


_LISTED = Rules(category.list_page, category.count, CategoryByIdLoader)


async def _categories(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or CategoryFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "categories",
        only={"name": accept_part(given.name, "filter.name", longest=category.LONGEST_NAME)},
        order=ordered(order_by, BY_NAME),
        first=first,
        after=after,
    )


def _category(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the category.")],
) -> Awaitable[CategoryRow | None]:
    context = info.context
    return context.loaders.of(CategoryByIdLoader).want(context.open_id(NodeKind.CATEGORY, id_))


@strawberry.type
class CategoryQuery:
    categories: Connection[Category] | None = field(
        _categories,
        "What courses are sorted by, in the order of names.",
        requires=Permission.COURSE_READ,
        cached=kept(60),
    )
    category: Category | None = field(
        _category, "One category; null when there is none.", requires=Permission.COURSE_READ
    )
