from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import tag
from harka.repositories.tag import Tag


class TagByIdLoader(Loader[UUID, Tag | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Tag | None]:
        return (await tag.find_many(self.work, keys)).aligned(keys)


class TagsByCourseLoader(Loader[UUID, list[Tag]]):
    async def fetch(self, keys: list[UUID]) -> list[list[Tag]]:
        found = await tag.by_course(self.work, keys)
        return [found.get(key, []) for key in keys]
