"""Lists between groups and people: who is in a group, who manages it, and which groups those are.

Both ties have a table of the same columns, and so the same statements.
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from harka.repositories import group, user
from harka.repositories.group import GroupFilter
from harka.repositories.page import BY_ID, ID, Key, Order, Pages, Position, beginnings, pages
from harka.repositories.scope import Scope, people_in, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Tie(enum.StrEnum):
    """What somebody is to a group, and the table that says so."""

    MEMBER = "user_group_member"
    MANAGER = "user_scope"


class Tied(msgspec.Struct, frozen=True):
    group_id: UUID
    user_id: UUID


class PeopleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """As `repositories.user.UserFilter`; frozen, so that pages of many groups can be asked for together."""

    role: str | None = None
    status: str | None = None
    starts_with: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    role_id: UUID | None = None
    group_id: UUID | None = None


EVERYBODY: Final = PeopleFilter()

# Whoever is not asked about is not looked up: $8 is a group that they are in, too, or below it. The
# parameters up to it are the fields of the filter.
_IN: Final = f"($8::uuid IS NULL OR id = ANY({people_in('$8')}))"
_PEOPLE: Final[Mapping[str, Key]] = {"id": ID, **user.KEYS}
_GROUPS: Final[Mapping[str, Key]] = {"id": ID, **group.KEYS}


def _first_of_groups(tie: Tie) -> dict[Order, Statement]:
    return beginnings(
        f"group_{tie.name.lower()}.first_of_groups",
        f"""SELECT of_id AS group_id, person.id AS user_id
        FROM unnest($9::uuid[]) AS parent (of_id) CROSS JOIN LATERAL (
          SELECT * FROM {{schema}}."user"
          WHERE tenant_id = $1 AND id IN (SELECT who.user_id FROM {{schema}}.{tie} who
              WHERE who.tenant_id = $1 AND who.group_id = of_id)
            AND {user.MATCHES} AND {_IN} AND {unless_beyond('"user".id', "$11")}
          ORDER BY {{order}} LIMIT $10) AS person
        ORDER BY {{order}}""",  # noqa: S608 - constants
        _PEOPLE,
    )


def _pages_of_group(tie: Tie) -> dict[Order, Pages[Statement]]:
    return pages(
        f"group_{tie.name.lower()}.page_of_group",
        f"""SELECT $9::uuid AS group_id, id AS user_id FROM {{schema}}."user"
        WHERE tenant_id = $1 AND id IN (SELECT who.user_id FROM {{schema}}.{tie} who
            WHERE who.tenant_id = $1 AND who.group_id = $9)
          AND {user.MATCHES} AND {_IN} AND {unless_beyond('"user".id', "$11")} {{after}}
        ORDER BY {{order}} LIMIT $10""",  # noqa: S608 - constants
        _PEOPLE,
        position=12,
    )


def _first_of_users(tie: Tie) -> dict[Order, Statement]:
    return beginnings(
        f"group_{tie.name.lower()}.first_of_users",
        f"""SELECT g.id AS group_id, of_id AS user_id
        FROM unnest($4::uuid[]) AS parent (of_id) CROSS JOIN LATERAL (
          SELECT * FROM {{schema}}.user_group
          WHERE tenant_id = $1 AND id IN (SELECT what.group_id FROM {{schema}}.{tie} what
              WHERE what.tenant_id = $1 AND what.user_id = of_id) AND {group.MATCHES}
          ORDER BY {{order}} LIMIT $5) AS g
        WHERE {unless_beyond("of_id", "$6")}
        ORDER BY {{order}}""",  # noqa: S608 - constants
        _GROUPS,
    )


def _pages_of_user(tie: Tie) -> dict[Order, Pages[Statement]]:
    return pages(
        f"group_{tie.name.lower()}.page_of_user",
        f"""SELECT id AS group_id, $4::uuid AS user_id FROM {{schema}}.user_group
        WHERE tenant_id = $1 AND id IN (SELECT what.group_id FROM {{schema}}.{tie} what
            WHERE what.tenant_id = $1 AND what.user_id = $4)
          AND {group.MATCHES} AND {unless_beyond("$4::uuid", "$6")} {{after}}
        ORDER BY {{order}} LIMIT $5""",  # noqa: S608 - constants
        _GROUPS,
        position=7,
    )


def _count_of_groups(tie: Tie) -> Statement:
    return Statement(
        f"group_{tie.name.lower()}.count_of_groups",
        f"""SELECT who.group_id AS parent, count(*) AS people FROM {{schema}}.{tie} who
        WHERE who.tenant_id = $1 AND who.group_id = ANY($9::uuid[])
          AND (NOT $11::boolean OR EXISTS (SELECT FROM {{schema}}."user"
            WHERE tenant_id = $1 AND id = who.user_id AND {user.MATCHES} AND {_IN}))
          AND {unless_beyond("who.user_id", "$10")}
        GROUP BY who.group_id""",  # noqa: S608 - constants
    )


def _count_of_users(tie: Tie) -> Statement:
    return Statement(
        f"group_{tie.name.lower()}.count_of_users",
        f"""SELECT what.user_id AS parent, count(*) AS groups FROM {{schema}}.{tie} what
        WHERE what.tenant_id = $1 AND what.user_id = ANY($4::uuid[])
          AND (NOT $6::boolean OR EXISTS (SELECT FROM {{schema}}.user_group
            WHERE tenant_id = $1 AND id = what.group_id AND {group.MATCHES}))
          AND {unless_beyond("what.user_id", "$5")}
        GROUP BY what.user_id""",  # noqa: S608 - constants
    )


# The first matching people of each of many groups.
FIRST_OF_GROUPS: Final = {(tie, by): one for tie in Tie for by, one in _first_of_groups(tie).items()}

# One page of the matching people of a group.
PAGES_OF_GROUP: Final = {(tie, by): each for tie in Tie for by, each in _pages_of_group(tie).items()}

# The first matching groups of each of many people.
FIRST_OF_USERS: Final = {(tie, by): one for tie in Tie for by, one in _first_of_users(tie).items()}

# One page of the matching groups of a person.
PAGES_OF_USER: Final = {(tie, by): each for tie in Tie for by, each in _pages_of_user(tie).items()}

# How many matching people each of many groups has; where all match, nobody is looked up.
COUNT_OF_GROUPS: Final = {tie: _count_of_groups(tie) for tie in Tie}

# How many matching groups each of many people has; where all match, none is looked up.
COUNT_OF_USERS: Final = {tie: _count_of_users(tie) for tie in Tie}


async def first_of_groups(
    session: ShardSession,
    scope: Scope,
    tie: Tie,
    group_ids: Sequence[UUID],
    only: PeopleFilter = EVERYBODY,
    *,
    first: int,
    order: Order = BY_ID,
) -> Sequence[Tied]:
    """The first `first` of each, in the order, without people beyond a manager's groups."""
    asked = (*msgspec.structs.astuple(only), group_ids, first, scope.manager)
    return await session.fetch_rows(Tied, FIRST_OF_GROUPS[tie, order], *asked)


async def page_of_group(
    session: ShardSession,
    scope: Scope,
    tie: Tie,
    group_id: UUID,
    only: PeopleFilter = EVERYBODY,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_ID,
) -> Sequence[Tied]:
    """The next `first`, in the order, without people beyond a manager's groups."""
    asked: tuple[Any, ...] = (*msgspec.structs.astuple(only), group_id, first, scope.manager)
    return await session.fetch_rows(Tied, PAGES_OF_GROUP[tie, order].of(after), *asked, *(after or ()))


async def first_of_users(
    session: ShardSession,
    scope: Scope,
    tie: Tie,
    user_ids: Sequence[UUID],
    only: GroupFilter = group.ALL,
    *,
    first: int,
    order: Order = BY_ID,
) -> Sequence[Tied]:
    """The first `first` of each, in the order, without those of people beyond a manager's groups."""
    asked = (*msgspec.structs.astuple(only), user_ids, first, scope.manager)
    return await session.fetch_rows(Tied, FIRST_OF_USERS[tie, order], *asked)


async def page_of_user(
    session: ShardSession,
    scope: Scope,
    tie: Tie,
    user_id: UUID,
    only: GroupFilter = group.ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = BY_ID,
) -> Sequence[Tied]:
    """The next `first`, in the order; none of a person beyond a manager's groups."""
    asked: tuple[Any, ...] = (*msgspec.structs.astuple(only), user_id, first, scope.manager)
    return await session.fetch_rows(Tied, PAGES_OF_USER[tie, order].of(after), *asked, *(after or ()))


async def count_of_groups(
    session: ShardSession,
    scope: Scope,
    tie: Tie,
    group_ids: Sequence[UUID],
    only: PeopleFilter = EVERYBODY,
) -> dict[UUID, int]:
    """Groups without any are left out, and people beyond a manager's groups not counted."""
    asked = (*msgspec.structs.astuple(only), group_ids, scope.manager, only != EVERYBODY)
    return {row["parent"]: row["people"] for row in await session.fetch(COUNT_OF_GROUPS[tie], *asked)}


async def count_of_users(
    session: ShardSession, scope: Scope, tie: Tie, user_ids: Sequence[UUID], only: GroupFilter = group.ALL
) -> dict[UUID, int]:
    """Who has none, or is beyond a manager's groups, is left out."""
    asked = (*msgspec.structs.astuple(only), user_ids, scope.manager, only != group.ALL)
    return {row["parent"]: row["groups"] for row in await session.fetch(COUNT_OF_USERS[tie], *asked)}
