"""What an organization's own directory calls its people and groups."""

from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import external_id


class ExternalIdByUserLoader(Loader[UUID, str | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[str | None]:
        found = await external_id.of_users(self.work, keys)
        return [found.get(key) for key in keys]


class ExternalIdByGroupLoader(Loader[UUID, str | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[str | None]:
        found = await external_id.of_groups(self.work, keys)
        return [found.get(key) for key in keys]
