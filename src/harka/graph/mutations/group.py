from typing import Annotated
from uuid import UUID

import msgspec
import strawberry
from msgspec import UNSET, UnsetType

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.group import Group
from harka.ids import NodeKind
from harka.learning import group
from harka.learning.group import GroupChanges
from harka.repositories.group import Group as GroupRow
from harka.tenancy.permission import Permission

_NAME = "What it is called: 1 to 200 characters."


class Written(msgspec.Struct, frozen=True):
    group: GroupRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_group_id: str


@graph_input
class CreateGroupInput(MutationInput):
    """A new group, of nobody yet."""

    name: str = value(_NAME)
    parent_id: strawberry.ID | None = value("The group it is below; omit it for the top.", default=None)


@graph_input
class UpdateGroupInput(MutationInput):
    """What to change of a group. What is omitted stays as it is."""

    id: strawberry.ID = value("The group.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    name: str | None = value(_NAME, default=strawberry.UNSET)
    parent_id: strawberry.ID | None = value(
        "The group to move it below, with all that is below it; null for the top.", default=strawberry.UNSET
    )


@graph_input
class DeleteGroupInput(MutationInput):
    """Which group to take away."""

    id: strawberry.ID = value("The group.")
    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_type
class CreateGroupPayload(Payload):
    """The group that was made."""

    group: Group | None = leaf("The new group.")


@graph_type
class UpdateGroupPayload(Payload):
    """The group that was changed."""

    group: Group | None = leaf("The group as it is now.")


@graph_type
class DeleteGroupPayload(Payload):
    """The group that was taken away."""

    deleted_group_id: strawberry.ID | None = leaf("The id that names nothing any more.")


async def _create(
    info: Info,
    given: Annotated[CreateGroupInput, strawberry.argument(name="input", description="The new group.")],
) -> Written:
    parent_id = _parent(info, given.parent_id)
    return Written(
        await group.create(
            info.context.work, name=given.name, parent_id=None if parent_id is UNSET else parent_id
        )
    )


async def _update(
    info: Info,
    given: Annotated[UpdateGroupInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.GROUP, given.id, "id")
    changes = GroupChanges(name=required(given.name, "name"), parent_id=_parent(info, given.parent_id))
    return Written(await group.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteGroupInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.GROUP, given.id, "id")
    await group.delete(info.context.work, id_, version=given.version)
    return Deleted(given.id)


def _parent(info: Info, given: strawberry.ID | None) -> UUID | UnsetType | None:
    asked = optional(given)
    if asked is UNSET or asked is None:
        return asked
    return info.context.open_id(NodeKind.GROUP, asked, "parentId")


@strawberry.type
class GroupMutation:
    create_group: CreateGroupPayload | None = mutation(
        _create, "Make a group.", requires=Permission.USER_WRITE
    )
    update_group: UpdateGroupPayload | None = mutation(
        _update,
        "Rename a group, or move it with all below it; never below itself, nor deeper than 10 levels.",
        requires=Permission.USER_WRITE,
    )
    delete_group: DeleteGroupPayload | None = mutation(
        _delete,
        "Take a group away that has none below it. Who was in it stays in the organization.",
        requires=Permission.USER_WRITE,
    )
