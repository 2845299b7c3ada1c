from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import unlock
from harka.repositories.unlock import Lock, Unlock


class UnlockByModuleLoader(Loader[UUID, Unlock | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Unlock | None]:
        found = await unlock.by_module(self.work, keys)
        return [found.get(key) for key in keys]


class LockByModuleLoader(Loader[UUID, Lock | None]):
    """For whoever asks."""

    async def fetch(self, keys: list[UUID]) -> Sequence[Lock | None]:
        found = await unlock.locks(self.work, keys)
        return [found.get(key) for key in keys]
