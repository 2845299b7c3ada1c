from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import bulk_change
from harka.repositories.bulk_change import BulkChange


class BulkChangeByIdLoader(Loader[UUID, BulkChange | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[BulkChange | None]:
        return (await bulk_change.find_many(self.work, keys)).aligned(keys)
