"""Which rows of a tenant a reader sees, and how that stands in SQL.

A manager of groups is named by the parameter of a statement; NULL stands for a reader whom no groups bound.
"""

from uuid import UUID

import msgspec


class Scope(msgspec.Struct, frozen=True):
    """Which rows of a tenant a reader sees: all, or those that concern `user` (None: nobody).

    `manager`: the user who sees also what concerns the people of the groups they manage, None for nobody.
    """

    everything: bool
    user: UUID | None = None
    manager: UUID | None = None


_MANAGED = """SELECT member.user_id FROM {{schema}}.user_scope managed
    JOIN {{schema}}.user_group_path path ON path.tenant_id = $1 AND path.ancestor_id = managed.group_id
    JOIN {{schema}}.user_group_member member
      ON member.tenant_id = $1 AND member.group_id = path.descendant_id
    WHERE managed.tenant_id = $1 AND managed.user_id = {manager}::uuid"""

_IN_GROUP = """SELECT member.user_id FROM {{schema}}.user_group_path path
    JOIN {{schema}}.user_group_member member
      ON member.tenant_id = $1 AND member.group_id = path.descendant_id
    WHERE path.tenant_id = $1 AND path.ancestor_id = {group}::uuid"""


def managed(person: str, manager: str) -> str:
    """The condition that `person` is in a group that `manager` manages, or in one below it.

    `person`: a column. `manager`: a parameter, `$5`. False for a manager of NULL.
    """
    found = _MANAGED.format(manager=manager)
    return f"({manager}::uuid IS NOT NULL AND EXISTS ({found} AND member.user_id = {person}))"


def unless_beyond(person: str, manager: str) -> str:
    """The condition that `manager` sees `person`: themselves, or whom `managed` tells. True for NULL."""
    return f"({manager}::uuid IS NULL OR {person} = {manager}::uuid OR {managed(person, manager)})"


def people_of(manager: str, only: str = "NULL") -> str:
    """An array of all whom `manager` sees, to begin a search with; `only`: of one person, NULL for all."""
    found = _MANAGED.format(manager=manager)
    return f"""ARRAY({found} AND ({only}::uuid IS NULL OR member.user_id = {only}::uuid)
    UNION SELECT {manager}::uuid WHERE {only}::uuid IS NULL OR {only}::uuid = {manager}::uuid)"""


def people_in(group: str) -> str:
    """An array of all who are in a group, or below it, to begin a search with. `group`: a parameter."""
    return f"ARRAY({_IN_GROUP.format(group=group)})"
