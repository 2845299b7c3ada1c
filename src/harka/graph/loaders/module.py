from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import module
from harka.repositories.module import Module


class ModuleByIdLoader(Loader[UUID, Module | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Module | None]:
        return (await module.find_many(self.work, keys)).aligned(keys)


class ModulesByCourseLoader(Loader[UUID, Sequence[Module]]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Module]]:
        return (await module.by_course(self.work, keys)).aligned(keys)
