from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.errors import HarkaError, InvalidIdError
from harka.graph.atomic import Refusal, refusal
from harka.graph.context import Info, RequestContext
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, UserError
from harka.graph.types.enrollment import Enrollment
from harka.ids import NodeKind
from harka.learning import progress_batch
from harka.learning.progress import ProgressEntry
from harka.learning.progress_batch import MOST
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.tenancy.permission import Permission


class Result(msgspec.Struct, frozen=True):
    client_id: str | None
    changed: bool
    error: Refusal | None


class Recorded(msgspec.Struct, frozen=True):
    results: list[Result]
    enrollments: list[EnrollmentRow]


@graph_input
class ProgressEntryInput:
    """How far somebody was in a lesson at some moment."""

    enrollment_id: strawberry.ID = value("Whose progress it is, in which course.")
    lesson_id: strawberry.ID = value("The lesson. It must be one of the course.")
    fraction: float = value("How much of the lesson is done: 0 to 1.")
    score: float | None = value(
        "The mark, 0 to 100; omit it when nothing was marked. Without `enrollment:write`, of a lesson of "
        "kind QUIZ, ASSIGNMENT or EXAM it is VALIDATION_FAILED.",
        default=None,
    )
    occurred_at: datetime | None = value(
        "When it happened, by the client's clock. What is older than the enrollment is taken for now.",
        default=None,
    )
    client_id: str | None = value("Any text; the entry's result repeats it.", default=None)


@graph_input
class RecordProgressBatchInput(MutationInput):
    """What a client has learned of progress, perhaps while it was offline."""

    entries: list[ProgressEntryInput] = value(f"In any order, at most {MOST}.")


@graph_type
class ProgressResult:
    """What became of one entry."""

    client_id: str | None = leaf("What the entry was sent with.")
    changed: bool = leaf("Whether its lesson got further; false when as much was known, or on an error.")
    error: UserError | None = leaf("Why it was not written; null when it was, or was known.")


@graph_type
class RecordProgressBatchPayload(Payload):
    """What became of each entry."""

    results: list[ProgressResult] | None = leaf("One for each entry, in their order.")
    enrollments: list[Enrollment] | None = leaf("Those whose progress or status changed, as they are now.")


async def _record(
    info: Info,
    given: Annotated[
        RecordProgressBatchInput, strawberry.argument(name="input", description="How far, in what.")
    ],
) -> Recorded:
    context = info.context
    done = await progress_batch.record(context.work, [_entry(context, each) for each in given.entries])
    results = [
        Result(each.client_id, fate.changed, None if fate.refused is None else refusal(fate.refused))
        for each, fate in zip(given.entries, done.fates, strict=True)
    ]
    return Recorded(results, done.enrollments)


def _entry(context: RequestContext, given: ProgressEntryInput) -> ProgressEntry | HarkaError:
    try:
        return ProgressEntry(
            enrollment_id=context.open_id(NodeKind.ENROLLMENT, given.enrollment_id, "enrollmentId"),
            lesson_id=context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId"),
            fraction=given.fraction,
            score=given.score,
            occurred_at=given.occurred_at,
        )
    except InvalidIdError as error:
        return error


@strawberry.type
class ProgressBatchMutation:
    record_progress_batch: RecordProgressBatchPayload | None = mutation(
        _record,
        "Like `recordProgress` for many entries at once, each with a result of its own: one that is refused "
        "keeps no other back. Sending a batch again, or entries late or out of order, is harmless.",
        requires=Permission.PROGRESS_WRITE,
    )
