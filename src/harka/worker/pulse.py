"""Heartbeats: a worker says of what it runs that it still does, how far it is, and hears what is to end."""

import asyncio
from collections import defaultdict
from typing import Never
from uuid import UUID

from harka import logs
from harka.errors import HarkaError
from harka.pubsub import PubSub
from harka.queue.claim import HEARTBEAT, LEASE
from harka.queue.message import JOB_CHANGES_TOPIC
from harka.repositories import job_run
from harka.repositories.job_run import Beat, Run
from harka.repositories.organization import Organization
from harka.storage.databases import Databases
from harka.storage.session import open_session

_LONGEST_MESSAGE = 500

log = logs.logger("worker")


class LeaseLostError(HarkaError):
    """Another worker has taken this job over."""


class JobCancelledError(HarkaError):
    """Somebody cancelled the job."""


class WorkerStoppingError(HarkaError):
    """The worker ends before the job did, which is another's, at once, and the attempt does not count."""


class Report:
    """Of a handler to whoever watches its job: told with the next heartbeat, whatever becomes of the work."""

    def __init__(self) -> None:
        self.done: int | None = None
        self.total: int | None = None
        self.message: str | None = None

    def tell(self, done: int, total: int | None = None, message: str | None = None) -> None:
        """`done` of `total`, None when nobody knows; `message`: for people, without personal data."""
        self.done, self.total = done, total
        self.message = None if message is None else message[:_LONGEST_MESSAGE]


class Attempt:
    """One run of a job in this process. `stopped`: why it was ended from outside, if it was."""

    def __init__(self, organization: Organization, run: Run, task: "asyncio.Task[object]") -> None:
        self.organization = organization
        self.run = run
        self.task = task
        self.report = Report()
        self.stopped: HarkaError | None = None

    def stop(self, why: HarkaError) -> None:
        if self.stopped is None:
            self.stopped = why
            self.task.cancel()

    def beat(self) -> Beat:
        report = self.report
        return Beat(self.run.id, self.run.fence, report.done, report.total, report.message)


class Pulse:
    """`lease`: seconds that a heartbeat lasts. `period`: seconds between two."""

    def __init__(
        self, databases: Databases, pubsub: PubSub, *, lease: float = LEASE, period: float = HEARTBEAT
    ) -> None:
        self._databases = databases
        self._pubsub = pubsub
        self._lease = lease
        self._period = period
        self._attempts: dict[UUID, Attempt] = {}
        self._stopped: HarkaError | None = None

    def begin(self, organization: Organization, run: Run) -> Attempt:
        """Of the task that calls it, which is cancelled when the job is lost or cancelled. `end` it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - whoever runs is a task
        attempt = self._attempts[run.id] = Attempt(organization, run, task)
        if self._stopped is not None:
            attempt.stop(self._stopped)
        return attempt

    def end(self, attempt: Attempt) -> None:
        """It is neither told of nor ended any more."""
        self._attempts.pop(attempt.run.id, None)

    def stop(self, why: HarkaError) -> set[UUID]:
        """End all that runs, or begins later. Answers whose jobs these are."""
        self._stopped = why
        attempts = list(self._attempts.values())
        for attempt in attempts:
            attempt.stop(why)
        return {attempt.organization.id for attempt in attempts}

    async def run(self) -> Never:
        """Beat until cancelled; each tenant for itself, so that one whose shard is down stops no other."""
        while True:
            await asyncio.sleep(self._period)
            by_tenant: dict[UUID, list[Attempt]] = defaultdict(list)
            for attempt in self._attempts.values():
                by_tenant[attempt.organization.id].append(attempt)
            async with asyncio.TaskGroup() as group:
                for attempts in by_tenant.values():
                    group.create_task(self._beat(attempts))

    async def _beat(self, attempts: list[Attempt]) -> None:
        organization = attempts[0].organization
        session = open_session(
            self._databases, organization.location, organization.id, read_only=False, timeout=self._period
        )
        try:
            beats = [attempt.beat() for attempt in attempts]
            mine = await job_run.beat(session, beats, lease=self._lease)
            await session.commit()
        except HarkaError as error:
            # the lease outlasts a few of these
            log.warning("heartbeat failed", tenant=str(organization.id), code=error.code)
            return
        finally:
            await session.rollback()
        if any(beat.done is not None for beat in beats):
            self._pubsub.publish_soon(organization.id, JOB_CHANGES_TOPIC)
        for attempt in attempts:
            # one that has ended meanwhile is no more running, and not to be stopped
            if attempt.run.id in self._attempts:
                if attempt.run.id not in mine:
                    attempt.stop(LeaseLostError())
                elif mine[attempt.run.id]:
                    attempt.stop(JobCancelledError())
