from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import Role, UserStatus
from harka.graph.field import field, leaf
from harka.graph.loaders.external_id import ExternalIdByUserLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import Connection
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.certificate_list import certificates_of
from harka.graph.types.enrollment_list import of_user
from harka.graph.types.group_list import groups_of, managed_by
from harka.graph.types.path_enrollment_list import paths_of_user
from harka.graph.types.role import CustomRole, role_of
from harka.graph.types.user_list import everybody
from harka.ids import NodeKind
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


def _external_id(root: UserRow, info: Info) -> Awaitable[str | None]:
    return info.context.loaders.of(ExternalIdByUserLoader).want(root.id)


@node_type(UserRow, NodeKind.USER, UserByIdLoader)
class User(Node):
    """A person in one organization. The same person in two organizations is two users who share nothing."""

    email: str = leaf("Where they are reached; unique within the organization, whatever its case.")
    name: str = leaf("What they are called.")
    role: Role = leaf("What they may do.")
    custom_role: CustomRole | None = field(
        role_of, "The organization's own role, of who has one: then `role` is CUSTOM."
    )
    status: UserStatus = leaf("Whether they may sign in.")
    locale: str | None = leaf("Their language, as a BCP 47 tag; null for the organization's.")
    timezone: str | None = leaf("Their time zone, as an IANA name; null for the organization's.")
    external_id: str | None = field(
        _external_id,
        "What the organization's own directory calls them, where it keeps them here by SCIM.",
        requires=Permission.USER_READ,
    )
    enrollments: Connection[later.Enrollment] | None = field(
        of_user,
        "What they take part in. Callers without `enrollment:read` see their own enrollments only.",
        requires=Access.SIGNED_IN,
    )
    learning_path_enrollments: Connection[later.LearningPathEnrollment] | None = field(
        paths_of_user,
        "The learning paths they are on. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
    groups: Connection[later.Group] | None = field(
        groups_of,
        "The groups they are in; not those above. Callers without `user:read` see their own only.",
        requires=Access.SIGNED_IN,
        several=True,
    )
    managed_groups: Connection[later.Group] | None = field(
        managed_by,
        "The groups they manage: they see nobody beyond these and those below "
        "them. Without any they see everybody whom their role lets them see.",
        requires=Permission.USER_READ,
        several=True,
    )
    certificates: Connection[later.Certificate] | None = field(
        certificates_of,
        "What proves their completions. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
    created_at: datetime = leaf("When the user was created.")
    updated_at: datetime = leaf("When the user last changed.")
    version: int = leaf("Grows with every change.")


def _user(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the user.")],
) -> Awaitable[UserRow | None]:
    context = info.context
    return context.loaders.of(UserByIdLoader).want(context.open_id(NodeKind.USER, id_))


@strawberry.type
class UserQuery:
    users: Connection[User] | None = field(
        everybody, "The people of the organization.", requires=Permission.USER_READ
    )
    user: User | None = field(
        _user,
        "One person; null when there is none. Callers without `user:read` see themselves only.",
        requires=Access.SIGNED_IN,
    )
