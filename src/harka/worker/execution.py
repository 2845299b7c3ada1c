"""A tenant's jobs in this process: claim them, run each, and end it in the transaction of its own work."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from harka import clock, logs
from harka.errors import HarkaError, RateLimitedError
from harka.learning.asking import Ask
from harka.learning.work import unit_of_work
from harka.metrics import JobOutcome
from harka.queue import cron, sealing
from harka.queue.claim import HEARTBEAT, LEASE, claim
from harka.queue.enqueue import enqueue
from harka.queue.message import JOB_CHANGES_TOPIC
from harka.queue.retry import delay_after, reason
from harka.repositories import job_run
from harka.repositories.job import JobState
from harka.repositories.job_run import Limits, Outlook, Run
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.session import ShardSession, UniqueError, open_session
from harka.tenancy.context import job_context
from harka.worker.allowance import allowance
from harka.worker.finishing import Finisher
from harka.worker.pulse import Attempt, JobCancelledError, LeaseLostError, Pulse, WorkerStoppingError
from harka.worker.registry import HANDLERS, Handler
from harka.worker.units import Units

_BOOKKEEPING_TIMEOUT: Final = 5.0
_NOTHING: Final = Outlook(waits=False, seconds=None)
_OUTCOMES: Final = {
    JobState.QUEUED: JobOutcome.RETRY,
    JobState.DEAD: JobOutcome.DEAD,
    JobState.CANCELLED: JobOutcome.CANCELLED,
    None: JobOutcome.LOST,
}

log = logs.logger("worker")


class Claimed(msgspec.Struct, frozen=True):
    """`runs`: what is to be run. `full`: as many as were asked for, so there may be more.

    `outlook`: of what is left, where it is not `full`.
    """

    runs: Sequence[Run]
    full: bool
    outlook: Outlook = _NOTHING


class Execution:
    """`lease`, `heartbeat`: seconds that a claim lasts, and between renewals. `ask`: of stored queries."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        handlers: Mapping[str, Handler] = HANDLERS,
        lease: float = LEASE,
        heartbeat: float = HEARTBEAT,
        ask: Ask | None = None,
    ) -> None:
        self._runtime = runtime
        self._ask = ask
        self._metrics = runtime.metrics
        self._handlers = handlers
        self._types = {type_: handler.at_once for type_, handler in handlers.items()}
        self._long = tuple(type_ for type_, handler in handlers.items() if handler.long)
        self._lease = lease
        self._finisher = Finisher(runtime.databases)
        self.pulse = Pulse(runtime.databases, runtime.pubsub, lease=lease, period=heartbeat)
        self._metrics.expect_jobs(handlers)

    async def claim(
        self, organization: Organization, most: int, *, lost: int = 1, long: int | None = None
    ) -> Claimed:
        """Take up to `most` of the tenant's jobs, of which `lost` may have lost their worker.

        `long`: how many may be of the types that run for long, None for any.
        Raise `HarkaError` when the queue cannot be read.
        """
        limits = allowance(organization, self._types, long=self._long)
        session = self._session(organization)
        try:
            found = await claim(session, limits, most=most, lost=lost, long=long, lease=self._lease)
            for run in found:
                if run.cron is not None and run.is_first:
                    await self._put_in_next(session, organization, run)
            await session.commit()
        finally:
            await session.rollback()
        is_full = len(found) == most
        outlook = _NOTHING if is_full else await self._outlook(organization, limits)
        if found:
            self._runtime.pubsub.publish_soon(organization.id, JOB_CHANGES_TOPIC)
        for run in found:
            if run.state != JobState.RUNNING:
                log.error("job buried", tenant=str(organization.id), job=str(run.id), type=run.type)
                self._metrics.observe_job(run.type, _OUTCOMES[JobState(run.state)], seconds=None)
        return Claimed([run for run in found if run.state == JobState.RUNNING], is_full, outlook)

    async def _outlook(self, organization: Organization, limits: Limits) -> Outlook:
        """After the claim, which others wait for. Without an answer the schedule looks again, soon enough."""
        session = self._session(organization, read_only=True)
        try:
            return await job_run.outlook(session, limits)
        except HarkaError as error:
            log.warning("queue not looked at", tenant=str(organization.id), code=error.code)
            return _NOTHING
        finally:
            await session.rollback()

    async def run(self, organization: Organization, run: Run) -> JobOutcome:
        """Do a claimed job; how it ended stands in the queue."""
        began = clock.monotonic()
        error = await self._attempt(organization, run)
        seconds = clock.monotonic() - began
        outcome = JobOutcome.DONE if error is None else await self._fail(organization, run, error)
        self._metrics.observe_job(run.type, outcome, seconds=seconds)
        self._runtime.pubsub.publish_soon(organization.id, JOB_CHANGES_TOPIC)
        return outcome

    async def give_back(self, organization: Organization, run: Run) -> None:
        """A claimed job that this worker does not begin any more."""
        outcome = await self._fail(organization, run, WorkerStoppingError())
        self._metrics.observe_job(run.type, outcome, seconds=None)

    async def _put_in_next(self, session: ShardSession, organization: Organization, run: Run) -> None:
        """In the transaction of the claim: one for each time, whoever does this one and however it ends."""
        at = _next(run, clock.now(), organization)
        if at is not None:
            await enqueue(
                session,
                run.type,
                self._payload(organization, run),
                priority=run.priority,
                run_at=at,
                dedupe_key=run.dedupe_key,
                cron=run.cron,
                seal_key=None if run.sealed is None else self._runtime.keyring.seal,
            )

    async def _attempt(self, organization: Organization, run: Run) -> Exception | None:
        attempt = self.pulse.begin(organization, run)
        try:
            await self._work(organization, run, attempt)
        except asyncio.CancelledError:
            if attempt.stopped is None:
                raise
            attempt.task.uncancel()
            return attempt.stopped
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt, never the worker's end
            return error
        finally:
            self.pulse.end(attempt)
        return None

    async def _work(self, organization: Organization, run: Run, attempt: Attempt) -> None:
        handler, runtime = self._handlers[run.type], self._runtime
        payload = msgspec.convert(self._payload(organization, run), handler.payload)
        extras = [
            *([runtime.files] if handler.takes_files else []),
            *([Units(runtime, organization, f"job-{run.id}", self._ask)] if handler.takes_units else []),
            *([attempt.report] if handler.reports else []),
        ]
        context = job_context(organization, run.id, run.type, request_id=f"job-{run.id}")
        async with (
            asyncio.timeout(handler.timeout),
            unit_of_work(
                runtime.databases,
                runtime.cache,
                runtime.pubsub,
                context,
                read_only=False,
                timeout=handler.timeout,
                outside=runtime.outside,
            ) as work,
        ):
            await handler.run(work, payload, *extras)
            # the last statement of the work: that it is done commits with what was done, or not at all
            is_mine = (
                run.id in await job_run.finish(work.session, [run])
                if work.session.statements
                else await self._finisher.finish(organization, run)
            )
            if not is_mine:
                raise LeaseLostError

    def _payload(self, organization: Organization, run: Run) -> Any:
        if run.sealed is None:
            return run.payload
        key = self._runtime.keyring.seal
        return sealing.open_payload(key, run.sealed, tenant=organization.id, job=run.id)

    async def _fail(self, organization: Organization, run: Run, error: Exception) -> JobOutcome:
        """Note the failure. When even that fails, the lease runs out and the job comes back by itself."""
        is_expected = isinstance(error, JobCancelledError | RateLimitedError | WorkerStoppingError)
        log.warning(
            "job stopped" if is_expected else "job failed",
            tenant=str(organization.id),
            job=str(run.id),
            type=run.type,
            attempt=run.attempts,
            exc_info=None if is_expected else error,
        )
        try:
            state = await self._note(organization, run, error)
        except HarkaError as failure:
            log.warning("failure not noted", tenant=str(organization.id), job=str(run.id), code=failure.code)
            return JobOutcome.LOST
        return _OUTCOMES[None if state is None else JobState(state)]

    async def _note(self, organization: Organization, run: Run, error: Exception) -> str | None:
        session = self._session(organization)
        try:
            if isinstance(error, RateLimitedError | WorkerStoppingError):
                delay = error.retry_after if isinstance(error, RateLimitedError) else 0.0
                state = await self._defer(session, run, delay)
            else:
                state = await job_run.fail(session, run, reason(error), delay=delay_after(run.attempts))
            await session.commit()
        finally:
            await session.rollback()
        return state

    async def _defer(self, session: ShardSession, run: Run, delay: float) -> str | None:
        try:
            async with session.savepoint():
                return await job_run.defer(session, run, delay=delay)
        except UniqueError:
            # another of its key was committed in between: now it is seen
            return await job_run.defer(session, run, delay=delay)

    def _session(self, organization: Organization, *, read_only: bool = False) -> ShardSession:
        return open_session(
            self._runtime.databases,
            organization.location,
            organization.id,
            read_only=read_only,
            single=read_only,
            timeout=_BOOKKEEPING_TIMEOUT,
        )


def _next(run: Run, now: datetime, organization: Organization) -> datetime | None:
    """When a job that comes again does so next: None for one whose times are over."""
    try:
        return cron.next_after(cron.parse(run.cron or ""), now, ZoneInfo(organization.timezone))
    except (ValueError, LookupError):
        log.exception("recurring job ended", tenant=str(organization.id), type=run.type)
        return None
