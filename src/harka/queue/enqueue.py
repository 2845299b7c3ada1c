from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

from harka import clock
from harka.codec import json_bytes
from harka.errors import QueueLimitError
from harka.ids import earliest_id, new_id
from harka.pubsub import PubSub
from harka.queue import sealing
from harka.queue.message import JOBS_TOPIC, PLATFORM
from harka.queue.retry import MAX_ATTEMPTS
from harka.repositories import job
from harka.repositories.job import NewJob, Rank
from harka.storage.session import ShardSession

_RESOURCE: Final = "queued_jobs"
"""As `tenancy.plan.Resource` calls it, a floor above."""


class How(TypedDict, total=False):
    """How a job is put in.

    `priority`: a `repositories.job.Rank`. `run_at`: not before then. `dedupe_key`: while a job of this type
    and key waits to be begun, there is no other. `cron`: see `queue.cron`; when it begins its next is put in.
    `seal_key`: `Keyring.seal`, for a payload that carries personal data.
    """

    priority: int
    run_at: datetime | None
    dedupe_key: str | None
    cron: str | None
    seal_key: bytes | None


async def enqueue(session: ShardSession, type_: str, payload: Mapping[str, Any], **how: Unpack[How]) -> UUID:
    """Put in a job, in the caller's transaction. Answers its id, or that of who waits under its key."""
    id_ = new_id()
    seal_key, dedupe_key = how.get("seal_key"), how.get("dedupe_key")
    sealed = None if seal_key is None else sealing.seal(seal_key, payload, tenant=session.tenant, job=id_)
    new = NewJob(
        id=id_,
        type=type_,
        payload="{}" if sealed else json_bytes(dict(payload)).decode(),
        sealed=sealed,
        priority=how.get("priority", Rank.NORMAL),
        run_at=how.get("run_at"),
        dedupe_key=dedupe_key,
        cron=how.get("cron"),
    )
    while True:
        if await enqueue_many(session, [new]) or dedupe_key is None:
            return id_
        waiting = await job.hold_waiting(session, type_, dedupe_key)
        # it may have been begun in between: then this one is put in after all
        if waiting is not None:
            return waiting


async def enqueue_many(session: ShardSession, new: Sequence[NewJob]) -> set[UUID]:
    """Put in many jobs by one statement; the ids of those whose key no waiting one had."""
    return await job.insert(session, new, max_attempts=MAX_ATTEMPTS)


async def find_waiting(session: ShardSession, type_: str, dedupe_key: str) -> UUID | None:
    """The job that waits under a key, held like the queue until the caller's transaction ends.

    Asked before `require_room`: what waits already needs none.
    """
    await job.lock_length(session)
    return await job.hold_waiting(session, type_, dedupe_key)


async def require_room(session: ShardSession, jobs: int, *, most: int) -> None:
    """Hold the queue until the caller's transaction ends; `jobs` more are to wait.

    Raise `QueueLimitError` when these are more than `most` in all. Those that
    rules put in for what was changed count, and are never refused.
    """
    await job.lock_length(session)
    queued = await job.count_queued(session, most=most)
    if queued + jobs > most:
        raise QueueLimitError(
            f"{most:,} jobs may wait by the organization's plan: try again when some are done.",
            resource=_RESOURCE,
            limit=most,
            used=queued,
        )


async def enqueue_unless_recent(session: ShardSession, type_: str, *, seconds: float) -> bool:
    """Put in a job without payload, unless this did within `seconds`, or what it put in waits."""
    since = earliest_id(clock.now() - timedelta(seconds=seconds))
    return await job.insert_unless_recent(session, new_id(), type_, max_attempts=MAX_ATTEMPTS, since=since)


async def signal(pubsub: PubSub, tenant: UUID) -> None:
    """Wake workers for the tenant. Only haste: a lost signal is made up for by their sweep."""
    await pubsub.publish(PLATFORM, JOBS_TOPIC, {"tenant": str(tenant)})
