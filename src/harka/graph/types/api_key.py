from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from harka.graph.context import Info
from harka.graph.enums import ApiKeyState, OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.api_key import ApiKeyByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import ApiKeyOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import api_key
from harka.learning.text import LONGEST_NAME, accept_part
from harka.repositories.api_key import UsedApiKey
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _state(root: UsedApiKey) -> str:
    return api_key.state_of(root)


def _user(root: UsedApiKey, info: Info) -> Awaitable[UserRow | None] | None:
    return _person(info, root.user_id)


def _creator(root: UsedApiKey, info: Info) -> Awaitable[UserRow | None] | None:
    return _person(info, root.created_by)


def _person(info: Info, id_: UUID | None) -> Awaitable[UserRow | None] | None:
    return None if id_ is None else info.context.loaders.of(UserByIdLoader).want(id_)


@node_type(UsedApiKey, NodeKind.API_KEY, ApiKeyByIdLoader)
class ApiKey(Node):
    """What lets a program in, which sends it as `X-API-Key`. Its text is shown once, when it is made."""

    name: str = leaf("What it is for.")
    prefix: str = leaf("The part of its text that may be known, to tell keys apart.")
    scopes: list[str] = leaf("What it may do at the most, in alphabetical order: permissions by name.")
    networks: list[str] = leaf("From where alone it is accepted, in CIDR notation; none for anywhere.")
    requests_per_second: int | None = leaf(
        "How often it may ask, beside the limits of the plan: so many at once, and so many a second after "
        "that. Null for no limit of its own. Each server process counts for itself."
    )
    state: ApiKeyState = field(_state, "Whether it is accepted.")
    user: later.User | None = field(
        _user, "As whom it acts, who never lets it do more than they may; null for a program of its own."
    )
    creator: later.User | None = field(_creator, "Who made it; null for an operator, and for a program.")
    expires_at: datetime | None = leaf("When it ends; null when it does not.")
    revoked_at: datetime | None = leaf("When it was revoked; null unless it was.")
    last_used_at: datetime | None = leaf("When it was last used, to the minute; null when it never was.")
    created_at: datetime = leaf("When it was made.")
    updated_at: datetime = leaf("When it last changed; being used changes nothing.")
    version: int = leaf("Grows with every change.")


@graph_input
class ApiKeyFilter:
    """Which keys; what is omitted leaves out none."""

    name: str | None = value("Only keys with this in their name, whatever its case.", default=None)
    state: ApiKeyState | None = value("Only keys of which this has become.", default=None)


@graph_input
class ApiKeyOrderBy:
    """How keys are ordered."""

    field: ApiKeyOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    ApiKeyFilter | None,
    strawberry.argument(name="filter", description="Which keys; omit it for all."),
]
Ordered = Annotated[
    ApiKeyOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(api_key.list_page, api_key.count, ApiKeyByIdLoader)


async def _keys(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or ApiKeyFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "apiKeys",
        only={"name": accept_part(given.name, "filter.name", longest=LONGEST_NAME), "state": given.state},
        order=ordered(order_by),
        first=first,
        after=after,
    )


@strawberry.type
class ApiKeyQuery:
    api_keys: Connection[ApiKey] | None = field(
        _keys,
        "The organization's API keys, those that are over too. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
