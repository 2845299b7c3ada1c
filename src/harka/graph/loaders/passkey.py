from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import passkey
from harka.repositories.passkey import Passkey


class PasskeyByIdLoader(Loader[UUID, Passkey | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Passkey | None]:
        return (await passkey.find_many(self.work, keys)).aligned(keys)
