from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.scim_token import ScimTokenByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import ScimTokenOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.sso_enums import ScimTokenState
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import scim_token
from harka.learning.text import LONGEST_NAME, accept_part
from harka.repositories.scim_token import UsedScimToken
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _state(root: UsedScimToken) -> str:
    return scim_token.state_of(root)


def _creator(root: UsedScimToken, info: Info) -> Awaitable[UserRow | None] | None:
    if root.created_by is None:
        return None
    return info.context.loaders.of(UserByIdLoader).want(root.created_by)


@node_type(UsedScimToken, NodeKind.SCIM_TOKEN, ScimTokenByIdLoader)
class ScimToken(Node):
    """With what the organization's own directory keeps its people here up to date, by SCIM 2.0 at `/scim/v2`.

    Its text is shown once, when it is made.
    """

    name: str = leaf("Which directory has it.")
    prefix: str = leaf("The part of its text that may be known, to tell tokens apart.")
    permissions: list[str] = leaf(
        "What it may do at the most, in alphabetical order: what its maker could when it was made. Only one "
        "with `organization:own` changes or takes away owners."
    )
    state: ScimTokenState = field(_state, "Whether it is accepted.")
    creator: later.User | None = field(_creator, "Who made it; null for an operator, and for a program.")
    expires_at: datetime | None = leaf("When it ends; null when it does not.")
    revoked_at: datetime | None = leaf("When it was revoked; null unless it was.")
    last_used_at: datetime | None = leaf("When it was last used, to the minute; null when it never was.")
    created_at: datetime = leaf("When it was made.")
    updated_at: datetime = leaf("When it last changed; being used changes nothing.")
    version: int = leaf("Grows with every change.")


@graph_input
class ScimTokenFilter:
    """Which tokens; what is omitted leaves out none."""

    name: str | None = value("Only tokens with this in their name, whatever its case.", default=None)
    state: ScimTokenState | None = value("Only tokens of which this has become.", default=None)


@graph_input
class ScimTokenOrderBy:
    """How tokens are ordered."""

    field: ScimTokenOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    ScimTokenFilter | None,
    strawberry.argument(name="filter", description="Which tokens; omit it for all."),
]
Ordered = Annotated[
    ScimTokenOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(scim_token.list_page, scim_token.count, ScimTokenByIdLoader)


async def _tokens(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or ScimTokenFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "scimTokens",
        only={"name": accept_part(given.name, "filter.name", longest=LONGEST_NAME), "state": given.state},
        order=ordered(order_by),
        first=first,
        after=after,
    )


@strawberry.type
class ScimTokenQuery:
    scim_tokens: Connection[ScimToken] | None = field(
        _tokens,
        "The tokens of the organization's directories, those that are over too. Not for who manages some "
        "groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
