"""One turn of one tenant: claim a job, run it, and end it in the transaction of its own work."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from harka import clock, logs
from harka.errors import HarkaError
from harka.learning.work import unit_of_work
from harka.metrics import JobOutcome
from harka.queue.claim import LEASE, claim
from harka.queue.retry import delay_after, reason
from harka.repositories import job as jobs
from harka.repositories.job import Job, JobState
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.session import ShardSession, open_session
from harka.tenancy.context import job_context
from harka.worker.registry import HANDLERS, Handler

_BOOKKEEPING_TIMEOUT: Final = 5.0

log = logs.logger("worker")


class LeaseLostError(HarkaError):
    """Another worker has taken this job over."""


class UnknownJobError(HarkaError):
    """No handler is registered for this type of job."""


class Execution:
    """`wake`: called with a tenant that may have more work, and with the seconds until then."""

    def __init__(
        self,
        runtime: Runtime,
        wake: Callable[[UUID, float], object],
        *,
        handlers: Mapping[str, Handler] = HANDLERS,
        lease: float = LEASE,
    ) -> None:
        self._runtime = runtime
        self._metrics = runtime.metrics
        self._wake = wake
        self._handlers = handlers
        self._lease = lease
        self._metrics.expect_jobs(handlers)

    async def turn(self, organization: Organization) -> Job | None:
        """Do the tenant's next job, if there is one; how it ended stands in the queue.

        Raise `HarkaError` only when the queue itself cannot be read.
        """
        job = await self._claim(organization)
        if job is None:
            return None
        self._wake(organization.id, 0.0)
        if job.state == JobState.DEAD:
            log.error("job buried", tenant=str(organization.id), job=str(job.id), type=job.type)
            self._metrics.observe_job(job.type, JobOutcome.DEAD, seconds=None)
            return job
        began = clock.monotonic()
        error = await self._attempt(organization, job)
        seconds = clock.monotonic() - began
        outcome = JobOutcome.DONE if error is None else await self._fail(organization, job, error)
        self._metrics.observe_job(job.type, outcome, seconds=seconds)
        return job

    async def _claim(self, organization: Organization) -> Job | None:
        session = self._session(organization)
        try:
            job = await claim(session, lease=self._lease)
            await session.commit()
        finally:
            await session.rollback()
        return job

    async def _attempt(self, organization: Organization, job: Job) -> Exception | None:
        try:
            async with asyncio.timeout(self._lease):
                await self._run(organization, job)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt, never the worker's end
            return error
        return None

    async def _run(self, organization: Organization, job: Job) -> None:
        handler = self._handlers.get(job.type)
        if handler is None:
            raise UnknownJobError
        payload = msgspec.convert(job.payload, handler.payload)
        runtime = self._runtime
        context = job_context(organization, job.id, job.type, request_id=f"job-{job.id}")
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            context,
            read_only=False,
            timeout=self._lease,
            outside=runtime.outside,
        ) as work:
            await handler.run(work, payload, *([runtime.files] if handler.takes_files else ()))
            # the last statement of the work: that it is done commits with what was done, or not at all
            if not await jobs.finish(work.session, job):
                raise LeaseLostError

    async def _fail(self, organization: Organization, job: Job, error: Exception) -> JobOutcome:
        """Note the failure. When even that fails, the lease runs out and the job comes back by itself."""
        log.warning(
            "job failed",
            tenant=str(organization.id),
            job=str(job.id),
            type=job.type,
            attempt=job.attempts,
            exc_info=error,
        )
        delay = delay_after(job.attempts)
        session = self._session(organization)
        try:
            state = await jobs.fail(session, job, reason(error), delay=delay)
            await session.commit()
        except HarkaError as failure:
            log.warning("failure not noted", tenant=str(organization.id), job=str(job.id), code=failure.code)
            return JobOutcome.LOST
        finally:
            await session.rollback()
        if state == JobState.QUEUED:
            self._wake(organization.id, delay)
            return JobOutcome.RETRY
        return JobOutcome.DEAD if state == JobState.DEAD else JobOutcome.LOST

    def _session(self, organization: Organization) -> ShardSession:
        return open_session(
            self._runtime.databases,
            organization.location,
            organization.id,
            read_only=False,
            timeout=_BOOKKEEPING_TIMEOUT,
        )
