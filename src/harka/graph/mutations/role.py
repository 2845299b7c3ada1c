from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, required
from harka.graph.types.role import CustomRole
from harka.ids import NodeKind
from harka.learning import role
from harka.learning.role import GRANTABLE, LONGEST_NAME, RoleChanges
from harka.repositories.role import CustomRole as RoleRow
from harka.tenancy.permission import Permission

_NAME = f"What the role is called: 1 to {LONGEST_NAME} characters, unique within the organization."
_PERMISSIONS = f"What it allows, no more than who says so may do: of {', '.join(sorted(GRANTABLE))}."
_VERSION = "The version that was read; omit it to delete whatever there is."


class Written(msgspec.Struct, frozen=True):
    role: RoleRow


@graph_input
class CreateRoleInput(MutationInput):
    """A new role of the organization's own."""

    name: str = value(_NAME)
    permissions: list[str] = value(_PERMISSIONS)


@graph_input
class UpdateRoleInput(MutationInput):
    """What to change of a role. What is omitted stays as it is."""

    id: strawberry.ID = value("The role.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    name: str | None = value(_NAME, default=strawberry.UNSET)
    permissions: list[str] | None = value(_PERMISSIONS, default=strawberry.UNSET)


@graph_input
class DeleteRoleInput(MutationInput):
    """Which role nobody needs any more."""

    id: strawberry.ID = value("The role.")
    version: int | None = value(_VERSION, default=None)


@graph_type
class CreateRolePayload(Payload):
    """The role that was made."""

    role: CustomRole | None = leaf("The new role.")


@graph_type
class UpdateRolePayload(Payload):
    """The role that was changed."""

    role: CustomRole | None = leaf("The role as it is now.")


@graph_type
class DeleteRolePayload(Payload):
    """The role that was taken away."""

    role: CustomRole | None = leaf("The role as it was.")


async def _create(
    info: Info,
    given: Annotated[CreateRoleInput, strawberry.argument(name="input", description="The new role.")],
) -> Written:
    made = await role.create(info.context.work, name=given.name, permissions=given.permissions)
    return Written(made)


async def _update(
    info: Info,
    given: Annotated[UpdateRoleInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.CUSTOM_ROLE, given.id, "id")
    changes = RoleChanges(
        name=required(given.name, "name"), permissions=required(given.permissions, "permissions")
    )
    return Written(await role.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteRoleInput, strawberry.argument(name="input", description="Which role.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.CUSTOM_ROLE, given.id, "id")
    return Written(await role.delete(info.context.work, id_, version=given.version))


@strawberry.type
class RoleMutation:
    create_role: CreateRolePayload | None = mutation(
        _create,
        "Make a role of the organization's own, to be given by `createUser` and `updateUser`. Nobody puts "
        "into it what they may not do.",
        requires=Permission.USER_WRITE,
    )
    update_role: UpdateRolePayload | None = mutation(
        _update,
        "Change a role. Whoever holds it may do what it says from their next request on.",
        requires=Permission.USER_WRITE,
    )
    delete_role: DeleteRolePayload | None = mutation(
        _delete,
        "Take a role away that nobody holds; CONFLICT while somebody does.",
        requires=Permission.USER_WRITE,
    )
