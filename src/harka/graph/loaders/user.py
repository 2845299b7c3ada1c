from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import user
from harka.repositories.user import User


class UserByIdLoader(Loader[UUID, User | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[User | None]:
        return (await user.find_many(self.work, keys)).aligned(keys)
