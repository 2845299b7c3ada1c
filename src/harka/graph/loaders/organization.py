from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.user import UserStatus
from harka.tenancy.permission import Permission


class OrganizationByIdLoader(Loader[UUID, Organization | None]):
    """The caller's own organization; there is no other."""

    async def fetch(self, keys: list[UUID]) -> list[Organization | None]:
        tenant = self.work.context
        tenant.require(Permission.ORGANIZATION_READ)
        return [tenant.organization if key == tenant.id else None for key in keys]


class ActiveUserCountByOrganizationLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        # the organization's own figure: whoever may read the organization may, but for who manages some
        # groups of it, whom no answer tells how many there are beyond
        session, manager = self.work.session, self.work.context.manager
        if manager is None:
            active = await users.count(session, status=UserStatus.ACTIVE)
        else:
            active = await users.count_of_manager(session, manager, status=UserStatus.ACTIVE)
        return [active for _ in keys]
