from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import event
from harka.repositories.event import Event


class EventByIdLoader(Loader[UUID, Event | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Event | None]:
        return (await event.find_many(self.work, keys)).aligned(keys)
