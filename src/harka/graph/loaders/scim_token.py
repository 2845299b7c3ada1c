from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import scim_token
from harka.repositories.scim_token import UsedScimToken


class ScimTokenByIdLoader(Loader[UUID, UsedScimToken | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[UsedScimToken | None]:
        return (await scim_token.find_many(self.work, keys)).aligned(keys)
