from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import completion
from harka.repositories.completion import Completion


class CompletionByIdLoader(Loader[UUID, Completion | None]):
    async def fetch(self, keys: list[UUID]) -> list[Completion | None]:
        found = await completion.find_many(self.work, keys)
        return [found.get(key) for key in keys]


class CompletionByEnrollmentLoader(Loader[UUID, Completion | None]):
    async def fetch(self, keys: list[UUID]) -> list[Completion | None]:
        found = await completion.by_enrollment(self.work, keys)
        return [found.get(key) for key in keys]
