"""What waits and what failed in a world's queue."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from harka import clock
from harka.ids import NodeKind
from harka.learning import job
from harka.learning.job import JobDraft, JobKind
from harka.learning.work import UnitOfWork
from harka.storage.statement import Statement

_BURY = Statement(
    "test.bury",
    """UPDATE {schema}.job SET state = 'dead', error = $3::text, finished_at = now()
    WHERE tenant_id = $1 AND id = $2::uuid""",
)


async def employ(work: UnitOfWork, word: str, rows: Mapping[NodeKind, UUID]) -> tuple[UUID, UUID]:
    """Two jobs, about the world's course and path: one that waits, one that was given up with its word."""
    # workers of other tests would do it otherwise
    later = clock.now() + timedelta(days=30)
    about_course = JobDraft(
        kind=JobKind.RECOUNT_COURSE, course_id=rows[NodeKind.COURSE], dedupe_key=word, run_at=later
    )
    about_path = JobDraft(kind=JobKind.RECOUNT_PATH, path_id=rows[NodeKind.LEARNING_PATH])
    waits, dead = [await job.enqueue(work, draft) for draft in (about_course, about_path)]
    await work.session.execute(_BURY, dead.id, f"Failed: {word}")
    return waits.id, dead.id
