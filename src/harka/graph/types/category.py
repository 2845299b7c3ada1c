from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.category import CategoryByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.ids import NodeKind
from harka.learning import category
from harka.repositories.category import BY_NAME
from harka.repositories.category import Category as CategoryRow
from harka.repositories.page import Position
from harka.tenancy.permission import Permission


@node_type(CategoryRow, NodeKind.CATEGORY, CategoryByIdLoader, cached=kept(60))
class Category(Node):
    """What courses are sorted by. Its courses are those of `courses(filter: {categoryId:})`."""

    name: str = leaf("What it is called; unique within the organization, whatever its case.")
    created_at: datetime = leaf("When the category was created.")
    updated_at: datetime = leaf("When the category last changed.")
    version: int = leaf("Grows with every change.")


async def _categories(info: Info, first: First, after: After = None) -> Slice:
    context = info.context

    async def fetch(position: Position | None, limit: int) -> Sequence[CategoryRow]:
        rows = await category.list_page(context.work, after=position, first=limit)
        context.loaders.of(CategoryByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "categories",
        order=BY_NAME,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: category.count(context.work),
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
