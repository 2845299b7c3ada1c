from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import module
from harka.repositories.module import Module


class ModuleByIdLoader(Loader[UUID, Module | None]):
    async def fetch(self, keys: list[UUID]) -> list[Module | None]:
        found = await module.find_many(self.work, keys)
        return [found.get(key) for key in keys]


class ModulesByCourseLoader(Loader[UUID, list[Module]]):
    async def fetch(self, keys: list[UUID]) -> list[list[Module]]:
        found = await module.by_course(self.work, keys)
        return [found.get(key, []) for key in keys]
