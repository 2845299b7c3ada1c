from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import assignment
from harka.repositories.assignment import Assignment


class AssignmentByIdLoader(Loader[UUID, Assignment | None]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Assignment | None]:
        return (await assignment.find_many(self.work, keys)).aligned(keys)


class AssignmentsByLessonLoader(Loader[UUID, Sequence[Assignment]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Assignment]]:
        return (await assignment.by_lesson(self.work, keys)).aligned(keys)
