from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.tag import TagByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import TagOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import tag
from harka.learning.text import accept_part
from harka.repositories.page import BY_NAME
from harka.repositories.tag import Tag as TagRow
from harka.tenancy.permission import Permission


@node_type(TagRow, NodeKind.TAG, TagByIdLoader, cached=kept(60))
class Tag(Node):
    """What courses are about. Its courses are those of `courses(filter: {tagId:})`."""

    name: str = leaf("What it is called; unique within the organization, whatever its case.")
    created_at: datetime = leaf("When the tag was created.")
    updated_at: datetime = leaf("When the tag last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class TagFilter:
    """Which tags; what is omitted leaves out none."""

    name: str | None = value("Only tags with this in their name, whatever its case.", default=None)


@graph_input
class TagOrderBy:
    """How tags are ordered."""

    field: TagOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    TagFilter | None,
    strawberry.argument(name="filter", description="Which tags; omit it for all."),
]
Ordered = Annotated[
    TagOrderBy | None,
    strawberry.argument(description="Omit it for the order of names."),
]


_LISTED = Rules(tag.list_page, tag.count, TagByIdLoader)


async def _tags(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or TagFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "tags",
        only={"name": accept_part(given.name, "filter.name", longest=tag.LONGEST_NAME)},
        order=ordered(order_by, BY_NAME),
        first=first,
        after=after,
    )


def _tag(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the tag.")],
) -> Awaitable[TagRow | None]:
    context = info.context
    return context.loaders.of(TagByIdLoader).want(context.open_id(NodeKind.TAG, id_))


@strawberry.type
class TagQuery:
    tags: Connection[Tag] | None = field(
        _tags,
        "What courses are about, in the order of names.",
        requires=Permission.COURSE_READ,
        cached=kept(60),
    )
    tag: Tag | None = field(_tag, "One tag; null when there is none.", requires=Permission.COURSE_READ)
