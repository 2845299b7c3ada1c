from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka import clock
from harka.ids import new_id
from harka.learning import finish, visibility
from harka.learning.batch import batches
from harka.learning.moment import accept_past
from harka.learning.progress import accept_score
from harka.learning.work import UnitOfWork
from harka.repositories import completion as completions
from harka.repositories import enrollment as enrollments
from harka.repositories.completion import Completion
from harka.rows import ByKey
from harka.tenancy.permission import Permission


class CompletionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`completed_at`: None for now. `score`: 0 to 100."""

    enrollment_id: UUID
    completed_at: datetime | None = None
    score: float | None = None


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Completion]:
    """By id, those of enrollments the reader may see."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await completions.find_visible(work.session, scope, ids))


async def by_enrollment(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> ByKey[Completion]:
    """Enrollments not completed, or not visible, are left out."""
    scope = visibility.of_enrollments(work.context)
    found = await completions.find_by_enrollments(work.session, scope, enrollment_ids)
    return ByKey(found, "enrollment_id")


async def complete_many(work: UnitOfWork, entries: Sequence[CompletionEntry]) -> int:
    """Complete enrollments by decision, whatever their lessons say; their measured progress stays.

    Answers how many were completed: not those that are completed, withdrawn or unknown.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    rows = {entry.enrollment_id: _row(entry) for entry in entries}
    scope, done = visibility.to_change(work.context), 0
    for batch in batches(sorted(rows)):
        held = await enrollments.lock(work.session, scope, batch)
        awarded = await completions.award_many(work.session, [rows[each.id] for each in held])
        done_now = {each.enrollment_id for each in awarded}
        finish.record(work, [each for each in held if each.id in done_now])
        await finish.follow_ids(work, [each.enrollment_id for each in awarded])
        done += len(awarded)
    return done


def _row(entry: CompletionEntry) -> Completion:
    now = clock.now()
    return Completion(
        id=new_id(),
        enrollment_id=entry.enrollment_id,
        completed_at=accept_past(entry.completed_at, "completedAt"),
        score=accept_score(entry.score),
        created_at=now,
        updated_at=now,
        version=1,
    )
