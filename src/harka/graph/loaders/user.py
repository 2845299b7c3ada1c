from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import user
from harka.repositories.user import User


class UserByIdLoader(Loader[UUID, User | None]):
    async def fetch(self, keys: list[UUID]) -> list[User | None]:
        found = await user.find_many(self.work, keys)
        return [found.get(key) for key in keys]
