from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import api_key
from harka.repositories.api_key import UsedApiKey


class ApiKeyByIdLoader(Loader[UUID, UsedApiKey | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[UsedApiKey | None]:
        return (await api_key.find_many(self.work, keys)).aligned(keys)
