from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import domain
from harka.repositories.domain import Domain


class DomainByIdLoader(Loader[UUID, Domain | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Domain | None]:
        return (await domain.find_many(self.work, keys)).aligned(keys)
