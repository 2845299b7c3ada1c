from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import invitation
from harka.repositories.group import Group
from harka.repositories.invitation import Invitation


class InvitationByIdLoader(Loader[UUID, Invitation | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Invitation | None]:
        return (await invitation.find_many(self.work, keys)).aligned(keys)


class GroupsByInvitationLoader(Loader[UUID, Sequence[Group]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Group]]:
        found = await invitation.groups_by_invitation(self.work, keys)
        return [found.get(key, []) for key in keys]
