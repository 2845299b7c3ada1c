"""What waits and what failed in a world's queue."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from harka import clock
from harka.ids import NodeKind
from harka.learning import bulk_change, bulk_operation, job
from harka.learning.bulk_enrollment import OnError
from harka.learning.bulk_operation import QueryDraft
from harka.learning.job import JobDraft, JobKind
from harka.learning.work import UnitOfWork
from harka.repositories import bulk_change as changes
from harka.repositories.bulk_change import BulkChange, NewBulkResult
from harka.repositories.bulk_operation import BulkOperation
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


async def change_many(work: UnitOfWork, word: str, rows: Mapping[NodeKind, UUID]) -> BulkChange:
    """A change of somebody, done and then given up with the world's word."""
    change = await bulk_change.enroll_later(
        work,
        rows[NodeKind.COURSE],
        [rows[NodeKind.USER]],
        on_error=OnError.REJECT_FAILED_ROWS,
        seal_key=bytes(32),
    )
    await work.session.execute(_BURY, change.job_id, f"Failed: {word}")
    done = NewBulkResult(number=0, user_id=rows[NodeKind.USER], enrollment_id=rows[NodeKind.ENROLLMENT])
    await changes.insert_results(work.session, change.id, [done])
    return change


async def ask_for_all(work: UnitOfWork, word: str, seal_key: bytes) -> BulkOperation:
    """A bulk operation with the world's word in its query."""
    query = f'{{ courses(query: "{word}") {{ nodes {{ id }} }} }}'
    draft = QueryDraft(query=query, variables="{}", document=query)
    return await bulk_operation.create(work, draft, seal_key=seal_key)
