from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
import strawberry

from harka.errors import ValidationError
from harka.graph.context import Info
from harka.graph.enums import Role
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.user import User
from harka.ids import NodeKind
from harka.learning import group_manager, user
from harka.learning.group_manager import MOST_MANAGED
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission

EMAIL = "Where they are reached; unique within the organization, whatever its case."
NAME = "What they are called: 1 to 200 characters."
ROLE_ID = "A role of the organization's own, in place of `role`: not both."
LOCALE = "Their language, as a BCP 47 tag such as `pt-BR`; null for the organization's."
TIMEZONE = "Their time zone, as an IANA name such as `Europe/Berlin`; null for the organization's."
MANAGED = (
    f"The groups that they manage from the first moment, at most {MOST_MANAGED}: see `assignManager`. Not "
    "for callers who manage some groups only."
)
_VERSION = "The version that was read; omit it to change whatever there is."


class Written(msgspec.Struct, frozen=True):
    user: UserRow


@graph_input
class CreateUserInput(MutationInput):
    """A new person, who may sign in at once."""

    email: str = value(EMAIL)
    name: str = value(NAME)
    role: Role | None = value(
        "What they may do: no more than who makes them; LEARNER unless it or `roleId` says otherwise.",
        default=None,
    )
    role_id: strawberry.ID | None = value(ROLE_ID, default=None)
    locale: str | None = value(LOCALE, default=None)
    timezone: str | None = value(TIMEZONE, default=None)
    managed_group_ids: list[strawberry.ID] | None = value(MANAGED, default=None)


@graph_input
class UpdateUserInput(MutationInput):
    """What to change of a person. What is omitted stays as it is."""

    id: strawberry.ID = value("The person.")
    version: int = value("The version that was read. When they have changed since, the answer is CONFLICT.")
    email: str | None = value(EMAIL, default=strawberry.UNSET)
    name: str | None = value(NAME, default=strawberry.UNSET)
    role: Role | None = value("What they may do: no more than who changes it.", default=strawberry.UNSET)
    role_id: strawberry.ID | None = value(ROLE_ID, default=strawberry.UNSET)
    locale: str | None = value(LOCALE, default=strawberry.UNSET)
    timezone: str | None = value(TIMEZONE, default=strawberry.UNSET)


@graph_input
class DeactivateUserInput(MutationInput):
    """Who shall not sign in any more."""

    id: strawberry.ID = value("The person.")
    version: int | None = value(_VERSION, default=None)


@graph_input
class ReactivateUserInput(MutationInput):
    """Who may sign in again."""

    id: strawberry.ID = value("The person.")
    version: int | None = value(_VERSION, default=None)


@graph_type
class CreateUserPayload(Payload):
    """The person who was made."""

    user: User | None = leaf("The new person.")


@graph_type
class UpdateUserPayload(Payload):
    """The person who was changed."""

    user: User | None = leaf("The person as they are now.")


@graph_type
class DeactivateUserPayload(Payload):
    """The person who may not sign in any more."""

    user: User | None = leaf("The person as they are now.")


@graph_type
class ReactivateUserPayload(Payload):
    """The person who may sign in again."""

    user: User | None = leaf("The person as they are now.")


async def _create(
    info: Info,
    given: Annotated[CreateUserInput, strawberry.argument(name="input", description="The new person.")],
) -> Written:
    draft = UserDraft(
        email=given.email,
        name=given.name,
        role=given.role or Role.LEARNER,
        locale=given.locale,
        timezone=given.timezone,
        role_id=role_id_of(info, given.role, given.role_id),
    )
    managed = managed_ids_of(info, given.managed_group_ids)
    return Written(await group_manager.create(info.context.work, draft, managed))


async def _update(
    info: Info,
    given: Annotated[UpdateUserInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.USER, given.id, "id")
    changes = UserChanges(
        email=required(given.email, "email"),
        name=required(given.name, "name"),
        role=required(given.role, "role"),
        locale=optional(given.locale),
        timezone=optional(given.timezone),
        role_id=role_id_of(info, given.role, given.role_id),
    )
    return Written(await user.update(info.context.work, id_, changes, version=given.version))


def role_id_of(info: Info, role: Role | None, role_id: strawberry.ID | None) -> Any:
    """The id of a role of the organization's own; null and UNSET as they are."""
    if not role_id:
        return optional(role_id)
    if role:
        raise ValidationError("Give one of role and roleId.", field="role")
    return info.context.open_id(NodeKind.CUSTOM_ROLE, role_id, "roleId")


def managed_ids_of(info: Info, ids: Sequence[strawberry.ID] | None) -> list[UUID]:
    given = ids or ()
    if len(given) > MOST_MANAGED:
        raise ValidationError(f"At most {MOST_MANAGED} groups.", field="managedGroupIds")
    return [info.context.open_id(NodeKind.GROUP, id_, "managedGroupIds") for id_ in given]


async def _deactivate(
    info: Info,
    given: Annotated[DeactivateUserInput, strawberry.argument(name="input", description="Who.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.USER, given.id, "id")
    return Written(await user.deactivate(info.context.work, id_, version=given.version))


async def _reactivate(
    info: Info,
    given: Annotated[ReactivateUserInput, strawberry.argument(name="input", description="Who.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.USER, given.id, "id")
    return Written(await user.reactivate(info.context.work, id_, version=given.version))


@strawberry.type
class UserMutation:
    create_user: CreateUserPayload | None = mutation(
        _create,
        "Make a person, who takes a seat of the plan.",
        requires=Permission.USER_WRITE,
    )
    update_user: UpdateUserPayload | None = mutation(
        _update,
        "Change a person. Nobody can change who may do more than they may, or give more than they have; the "
        "last active owner stays one.",
        requires=Permission.USER_WRITE,
    )
    deactivate_user: DeactivateUserPayload | None = mutation(
        _deactivate,
        "Let a person in no more, at once and everywhere; what they did stays, their seat is free. Doing it "
        "twice changes nothing. Neither oneself nor the last active owner.",
        requires=Permission.USER_WRITE,
    )
    reactivate_user: ReactivateUserPayload | None = mutation(
        _reactivate,
        "Let a person in again, on a seat of the plan. Doing it twice changes nothing.",
        requires=Permission.USER_WRITE,
    )
