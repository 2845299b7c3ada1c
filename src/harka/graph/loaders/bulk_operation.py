from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import bulk_operation
from harka.repositories.bulk_operation import BulkOperation


class BulkOperationByIdLoader(Loader[UUID, BulkOperation | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[BulkOperation | None]:
        return (await bulk_operation.find_many(self.work, keys)).aligned(keys)
