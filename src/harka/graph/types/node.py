from typing import Annotated, Any

import strawberry

from harka.graph.context import Info
from harka.graph.field import field
from harka.graph.node import MOST_NODES, Node, find_node, find_nodes
from harka.graph.permission import Access


async def _node(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of any object.")],
) -> Any:
    return await find_node(info.context, id_)


async def _nodes(
    info: Info,
    ids: Annotated[
        list[strawberry.ID], strawberry.argument(description=f"At most {MOST_NODES} ids of any objects.")
    ],
) -> list[Any]:
    return await find_nodes(info.context, ids)


@strawberry.type
class NodeQuery:
    node: Node | None = field(
        _node,
        "Any object by its id; null when there is none, or none that the caller may see.",
        requires=Access.SIGNED_IN,
        several=True,
    )
    nodes: list[Node | None] | None = field(
        _nodes,
        "Many objects by their ids, in the order of the ids.",
        requires=Access.SIGNED_IN,
        several=True,
    )
