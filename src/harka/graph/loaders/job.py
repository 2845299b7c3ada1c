from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import job
from harka.learning.job import Forecast
from harka.repositories.job import Job

_UNKNOWN = Forecast(None, None)


class JobByIdLoader(Loader[UUID, Job | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Job | None]:
        return (await job.find_many(self.work, keys)).aligned(keys)


class ForecastByJobLoader(Loader[Job, Forecast]):
    async def fetch(self, keys: list[Job]) -> Sequence[Forecast]:
        found = await job.forecasts(self.work, keys)
        return [found.get(key.id, _UNKNOWN) for key in keys]
