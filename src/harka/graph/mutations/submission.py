from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.enrollment import Enrollment
from harka.graph.types.submission import Submission
from harka.ids import NodeKind
from harka.learning import submission
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.repositories.submission import Submission as SubmissionRow
from harka.tenancy.permission import Permission


class Done(msgspec.Struct, frozen=True):
    submission: SubmissionRow


class Graded(msgspec.Struct, frozen=True):
    submission: SubmissionRow
    enrollment: EnrollmentRow | None
    completed: bool


@graph_input
class SubmitAssignmentInput(MutationInput):
    """What to hand in. An assignment takes a text, or files."""

    enrollment_id: strawberry.ID = value("The caller's own enrollment in the course.")
    assignment_id: strawberry.ID = value("The assignment.")
    text: str = value("The text, or words to the files: at most 50,000 characters.", default="")
    file_ids: list[strawberry.ID] = value(
        "Files of the caller's own that are uploaded and completed: at most ten.", default_factory=list
    )
    version: int | None = value(
        "The version of the submission that was read, 0 when there was none; when it is another now, the "
        "answer is CONFLICT. Omitted: what was handed in before is replaced, whatever it is.",
        default=None,
    )


@graph_input
class GradeSubmissionInput(MutationInput):
    """What a submission is worth."""

    submission_id: strawberry.ID = value("The submission.")
    version: int = value(
        "The version that was read. When it was handed in anew or graded since, the answer is CONFLICT."
    )
    score: float = value("From 0 to the assignment's points.")
    feedback: str = value("What to say of it: at most 10,000 characters.", default="")


@graph_type
class SubmitAssignmentPayload(Payload):
    """What was handed in."""

    submission: Submission | None = leaf("The submission as it is now.")


@graph_type
class GradeSubmissionPayload(Payload):
    """What was graded."""

    submission: Submission | None = leaf("The submission as it is now.")
    enrollment: Enrollment | None = leaf(
        "How far the learner is in the course, where passing the assignment finishes its lesson; else null."
    )
    completed: bool | None = leaf("Whether the grade completed the course.")


async def _submit(
    info: Info,
    given: Annotated[SubmitAssignmentInput, strawberry.argument(name="input", description="What.")],
) -> Done:
    context = info.context
    made = await submission.submit(
        context.work,
        enrollment_id=context.open_id(NodeKind.ENROLLMENT, given.enrollment_id, "enrollmentId"),
        assignment_id=context.open_id(NodeKind.ASSIGNMENT, given.assignment_id, "assignmentId"),
        text=given.text,
        file_ids=[context.open_id(NodeKind.FILE, id_, "fileIds") for id_ in given.file_ids],
        version=given.version,
    )
    return Done(made)


async def _grade(
    info: Info,
    given: Annotated[GradeSubmissionInput, strawberry.argument(name="input", description="Which, and how.")],
) -> Graded:
    context = info.context
    id_ = context.open_id(NodeKind.SUBMISSION, given.submission_id, "submissionId")
    graded = await submission.grade(
        context.work, id_, score=given.score, feedback=given.feedback, version=given.version
    )
    return Graded(graded.submission, graded.enrollment, graded.completed)


@strawberry.type
class SubmissionMutation:
    submit_assignment: SubmitAssignmentPayload | None = mutation(
        _submit,
        "Hand something in for an assignment, or hand it in anew: what was handed in before is replaced, "
        "until it is graded. After it is due it is taken as late.",
        requires=Permission.PROGRESS_WRITE,
    )
    grade_submission: GradeSubmissionPayload | None = mutation(
        _grade,
        "Give a submission a grade, or another one. `submissionGraded` tells the learner. Where passing the "
        "assignment finishes its lesson, progress and completion follow at once; no later grade undoes them.",
        requires=Permission.SUBMISSION_GRADE,
    )
