from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import completion
from harka.repositories.completion import Completion


class CompletionByIdLoader(Loader[UUID, Completion | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Completion | None]:
        return (await completion.find_many(self.work, keys)).aligned(keys)


class CompletionByEnrollmentLoader(Loader[UUID, Completion | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Completion | None]:
        return (await completion.by_enrollment(self.work, keys)).aligned(keys)
