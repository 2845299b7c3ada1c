from collections.abc import Sequence
from uuid import UUID

from harka.analytics import quota
from harka.graph.loaders.loader import Loader
from harka.repositories.dependent import Dependent


class DependentsByOrganizationLoader(Loader[UUID, Sequence[Dependent]]):
    """Of the caller's organization: there is no other."""

    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[Dependent]]:
        found = await quota.dependents(self.work)
        return [found for _ in keys]
