"""What an organization's own directory calls its people and groups; of who may be seen."""

from collections.abc import Sequence
from uuid import UUID

from harka.learning.work import UnitOfWork
from harka.repositories import scim_group, scim_user
from harka.tenancy.permission import Permission


async def of_users(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of those whom the directory calls something. `ids`: of people that the reader sees."""
    work.context.require(Permission.USER_READ)
    return await scim_user.external_ids(work.session, ids)


async def of_groups(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of those that the directory calls something."""
    work.context.require(Permission.USER_READ)
    return await scim_group.external_ids(work.session, ids)
