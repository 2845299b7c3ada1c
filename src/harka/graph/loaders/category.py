from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import category
from harka.repositories.category import Category


class CategoryByIdLoader(Loader[UUID, Category | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Category | None]:
        return (await category.find_many(self.work, keys)).aligned(keys)
