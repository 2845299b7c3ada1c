from typing import Annotated
from uuid import UUID

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.group import Group
from harka.graph.types.user import User
from harka.ids import NodeKind
from harka.learning import group_manager
from harka.repositories.group import Group as GroupRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission

_VERSION = "The version of the person that was read; omit it for any. What they manage does not change it."


class Assigned(msgspec.Struct, frozen=True):
    group: GroupRow
    user: UserRow
    changed: bool


@graph_input
class AssignManagerInput(MutationInput):
    """Who shall manage which group."""

    group_id: strawberry.ID = value("The group, with all groups below it.")
    user_id: strawberry.ID = value("The person: not an owner, nor oneself.")
    version: int | None = value(_VERSION, default=None)


@graph_input
class UnassignManagerInput(MutationInput):
    """Who shall manage which group no more."""

    group_id: strawberry.ID = value("The group.")
    user_id: strawberry.ID = value("The person: not an owner, nor oneself.")
    version: int | None = value(_VERSION, default=None)
    sees_everybody: bool = value(
        "Whether they see everybody whom their role lets them see, once they manage no group. Unless it is "
        "true they see nobody but themselves then.",
        default=False,
    )


@graph_type
class AssignManagerPayload(Payload):
    """Who manages which group."""

    group: Group | None = leaf("The group.")
    user: User | None = leaf("The person.")
    changed: bool | None = leaf("Whether they did not manage it before.")


@graph_type
class UnassignManagerPayload(Payload):
    """Who manages which group no more."""

    group: Group | None = leaf("The group.")
    user: User | None = leaf("The person.")
    changed: bool | None = leaf("Whether they managed it before.")


async def _assign(
    info: Info,
    given: Annotated[AssignManagerInput, strawberry.argument(name="input", description="Who, and what.")],
) -> Assigned:
    asked = _opened(info, given)
    return Assigned(*await group_manager.assign(info.context.work, *asked, version=given.version))


async def _unassign(
    info: Info,
    given: Annotated[UnassignManagerInput, strawberry.argument(name="input", description="Who, and what.")],
) -> Assigned:
    asked, frees = _opened(info, given), given.sees_everybody
    return Assigned(
        *await group_manager.unassign(info.context.work, *asked, frees=frees, version=given.version)
    )


def _opened(info: Info, given: AssignManagerInput | UnassignManagerInput) -> tuple[UUID, UUID]:
    return (
        info.context.open_id(NodeKind.GROUP, given.group_id, "groupId"),
        info.context.open_id(NodeKind.USER, given.user_id, "userId"),
    )


@strawberry.type
class GroupManagerMutation:
    assign_manager: AssignManagerPayload | None = mutation(
        _assign,
        "Let a person manage a group. From then on they see and change, as far as their role allows, only "
        "the people of the groups they manage and of those below them. To change what is everybody's is "
        "refused to them (courses, learning paths, categories, tags, roles, groups, domains, brandings, jobs "
        "and the organization), and so are the organization's figures. Doing it twice changes nothing. Not "
        "for callers who manage some groups only.",
        requires=Permission.USER_WRITE,
    )
    unassign_manager: UnassignManagerPayload | None = mutation(
        _unassign,
        "Take a group from its manager. After the last one they see nobody but themselves, unless "
        "`seesEverybody` says otherwise. Doing it twice changes nothing. Not for callers who manage some "
        "groups only.",
        requires=Permission.USER_WRITE,
    )
