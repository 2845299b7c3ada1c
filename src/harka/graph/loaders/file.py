from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import file
from harka.repositories.file import File


class FileByIdLoader(Loader[UUID, File | None]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[File | None]:
        return (await file.find_many(self.work, keys)).aligned(keys)
