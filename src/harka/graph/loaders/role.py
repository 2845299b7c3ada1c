from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import role
from harka.repositories.role import CustomRole


class CustomRoleByIdLoader(Loader[UUID, CustomRole | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[CustomRole | None]:
        return (await role.find_many(self.work, keys)).aligned(keys)
