from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from harka import clock
from harka.ids import earliest_id, new_id
from harka.pubsub import PubSub
from harka.queue.message import JOBS_TOPIC, PLATFORM
from harka.queue.retry import MAX_ATTEMPTS
from harka.repositories import job
from harka.storage.session import ShardSession


async def enqueue(
    session: ShardSession, type_: str, payload: Mapping[str, Any], *, priority: int = 0
) -> UUID:
    """Put in a job, in the caller's transaction; smaller `priority` runs first. Answers its id."""
    id_ = new_id()
    await job.insert(session, id_, type_, dict(payload), priority=priority, max_attempts=MAX_ATTEMPTS)
    return id_


async def enqueue_unless_recent(session: ShardSession, type_: str, *, seconds: float) -> bool:
    """Put in a job without payload, unless one of its type waits or was put in within `seconds`."""
    since = earliest_id(clock.now() - timedelta(seconds=seconds))
    return await job.insert_unless_recent(session, new_id(), type_, max_attempts=MAX_ATTEMPTS, since=since)


async def signal(pubsub: PubSub, tenant: UUID) -> None:
    """Wake workers for the tenant. Only haste: a lost signal is made up for by their sweep."""
    await pubsub.publish(PLATFORM, JOBS_TOPIC, {"tenant": str(tenant)})
