from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
import strawberry

from harka.errors import ValidationError
from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.group import Group
from harka.ids import NodeKind
from harka.learning import group_member
from harka.learning.group_member import MOST_MEMBERS
from harka.repositories.group import Group as GroupRow
from harka.tenancy.permission import Permission

_WHO = f"Who, at most {MOST_MEMBERS}; twice is once."
_VERSION = "The version of the group that was read; omit it for any. Who is in it does not change it."


class Added(msgspec.Struct, frozen=True):
    group: GroupRow
    added: int


class Removed(msgspec.Struct, frozen=True):
    group: GroupRow
    removed: int


@graph_input
class AddGroupMembersInput(MutationInput):
    """Whom to put into which group."""

    group_id: strawberry.ID = value("The group.")
    user_ids: list[strawberry.ID] = value(_WHO)
    version: int | None = value(_VERSION, default=None)


@graph_input
class RemoveGroupMembersInput(MutationInput):
    """Whom to take out of which group."""

    group_id: strawberry.ID = value("The group.")
    user_ids: list[strawberry.ID] = value(_WHO)
    version: int | None = value(_VERSION, default=None)


@graph_type
class AddGroupMembersPayload(Payload):
    """The group that grew."""

    group: Group | None = leaf("The group.")
    added: int | None = leaf("How many are in it who were not.")


@graph_type
class RemoveGroupMembersPayload(Payload):
    """The group that shrank."""

    group: Group | None = leaf("The group.")
    removed: int | None = leaf("How many are not in it any more.")


async def _add(
    info: Info,
    given: Annotated[AddGroupMembersInput, strawberry.argument(name="input", description="Who, where.")],
) -> Added:
    group_id = info.context.open_id(NodeKind.GROUP, given.group_id, "groupId")
    user_ids = _opened(info, given.user_ids)
    return Added(*await group_member.add(info.context.work, group_id, user_ids, version=given.version))


async def _remove(
    info: Info,
    given: Annotated[RemoveGroupMembersInput, strawberry.argument(name="input", description="Who, where.")],
) -> Removed:
    group_id = info.context.open_id(NodeKind.GROUP, given.group_id, "groupId")
    user_ids = _opened(info, given.user_ids)
    return Removed(*await group_member.remove(info.context.work, group_id, user_ids, version=given.version))


def _opened(info: Info, ids: Sequence[strawberry.ID]) -> list[UUID]:
    # before the ids are opened: no work on a million that are refused anyway
    if len(ids) > MOST_MEMBERS:
        raise ValidationError(f"At most {MOST_MEMBERS} people at once.", field="userIds")
    return [info.context.open_id(NodeKind.USER, id_, "userIds") for id_ in ids]


@strawberry.type
class GroupMemberMutation:
    add_group_members: AddGroupMembersPayload | None = mutation(
        _add,
        "Put people into a group: all of them, or none when one is unknown. Who is in it already stays.",
        requires=Permission.USER_WRITE,
    )
    remove_group_members: RemoveGroupMembersPayload | None = mutation(
        _remove,
        "Take people out of a group. Who is not in it is no error.",
        requires=Permission.USER_WRITE,
    )
