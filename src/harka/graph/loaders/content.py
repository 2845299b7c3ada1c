from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import content
from harka.repositories.content import ContentItem


class ContentItemByIdLoader(Loader[UUID, ContentItem | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[ContentItem | None]:
        return (await content.find_many(self.work, keys)).aligned(keys)


class ContentItemsByLessonLoader(Loader[UUID, Sequence[ContentItem]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[ContentItem]]:
        return (await content.by_lesson(self.work, keys)).aligned(keys)
