from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.tag import TagByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.ids import NodeKind
from harka.learning import tag
from harka.repositories.page import Position
from harka.repositories.tag import BY_NAME
from harka.repositories.tag import Tag as TagRow
from harka.tenancy.permission import Permission


@node_type(TagRow, NodeKind.TAG, TagByIdLoader, cached=kept(60))
class Tag(Node):
    """What courses are about. Its courses are those of `courses(filter: {tagId:})`."""

    name: str = leaf("What it is called; unique within the organization, whatever its case.")
    created_at: datetime = leaf("When the tag was created.")
    updated_at: datetime = leaf("When the tag last changed.")
    version: int = leaf("Grows with every change.")


async def _tags(info: Info, first: First, after: After = None) -> Slice:
    context = info.context

    async def fetch(position: Position | None, limit: int) -> Sequence[TagRow]:
        rows = await tag.list_page(context.work, after=position, first=limit)
        context.loaders.of(TagByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "tags",
        order=BY_NAME,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: tag.count(context.work),
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
