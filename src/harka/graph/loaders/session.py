from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import session
from harka.repositories.session import Session


class SessionByIdLoader(Loader[UUID, Session | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Session | None]:
        return (await session.find_many(self.work, keys)).aligned(keys)
