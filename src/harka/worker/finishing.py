"""Jobs that sent no statement have nothing to be committed with: many are ended by one."""

import asyncio
from uuid import UUID

from harka.errors import HarkaError
from harka.repositories import job_run
from harka.repositories.job_run import Run
from harka.repositories.organization import Organization
from harka.storage.databases import Databases
from harka.storage.session import open_session

_TIMEOUT = 5.0

_Waiting = list[tuple[Run, "asyncio.Future[bool]"]]


class Finisher:
    """While one statement of a tenant is under way, what ends meanwhile waits for the next."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._waiting: dict[UUID, _Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def finish(self, organization: Organization, run: Run) -> bool:
        """Whether it was still this worker's. Raise `HarkaError` when nobody knows."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(organization.id)
        if waiting is not None:
            waiting.append((run, future))
        else:
            self._waiting[organization.id] = [(run, future)]
            task = asyncio.create_task(self._flush(organization))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _flush(self, organization: Organization) -> None:
        while waiting := self._waiting[organization.id]:
            self._waiting[organization.id] = []
            try:
                ended = await self._finish(organization, [run for run, _ in waiting])
            except HarkaError as error:
                for _, future in waiting:
                    if not future.done():
                        future.set_exception(error)
            else:
                for run, future in waiting:
                    if not future.done():
                        future.set_result(run.id in ended)
        del self._waiting[organization.id]

    async def _finish(self, organization: Organization, runs: list[Run]) -> set[UUID]:
        session = open_session(
            self._databases,
            organization.location,
            organization.id,
            read_only=False,
            single=True,
            timeout=_TIMEOUT,
        )
        try:
            ended = await job_run.finish(session, runs)
            await session.commit()
        finally:
            await session.rollback()
        return ended
