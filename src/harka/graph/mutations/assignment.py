from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.enums import SubmissionKind
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.assignment import Assignment
from harka.ids import NodeKind
from harka.learning import assignment
from harka.learning.assignment import AssignmentChanges, AssignmentDraft
from harka.repositories.assignment import Assignment as AssignmentRow
from harka.tenancy.permission import Permission

_TITLE = "What it is called: 1 to 200 characters."
_INSTRUCTIONS = "What to do: at most 50,000 characters."
_DUE = "By when it is due; null for any time."
_POINTS = "The highest score: 1 to 1,000."
_PERCENT = "How much of the points passes it: 0 to 100."
_COMPLETES = (
    "Whether a grade that passes it finishes the lesson, and nothing else of the learner's does. One "
    "assignment or quiz of a lesson may do so. What was graded before counts when it is graded again."
)
_VERSION = "The version that was read. When it has changed since, the answer is CONFLICT."


class Written(msgspec.Struct, frozen=True):
    assignment: AssignmentRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_assignment_id: str


@graph_input
class CreateAssignmentInput(MutationInput):
    """A new assignment of a lesson."""

    lesson_id: strawberry.ID = value("The lesson. Its course must not be archived.")
    title: str = value(_TITLE)
    instructions: str = value(_INSTRUCTIONS, default="")
    due_at: datetime | None = value(_DUE, default=None)
    points: int = value(_POINTS, default=100)
    accepts: SubmissionKind = value("What is handed in; it stays so.", default=SubmissionKind.TEXT)
    pass_percent: int = value(_PERCENT, default=50)
    completes_lesson: bool = value(_COMPLETES, default=False)


@graph_input
class UpdateAssignmentInput(MutationInput):
    """What to change of an assignment. What is omitted stays as it is."""

    id: strawberry.ID = value("The assignment.")
    version: int = value(_VERSION)
    title: str | None = value(_TITLE, default=strawberry.UNSET)
    instructions: str | None = value(_INSTRUCTIONS, default=strawberry.UNSET)
    due_at: datetime | None = value(_DUE, default=strawberry.UNSET)
    points: int | None = value(_POINTS, default=strawberry.UNSET)
    pass_percent: int | None = value(_PERCENT, default=strawberry.UNSET)
    completes_lesson: bool | None = value(_COMPLETES, default=strawberry.UNSET)


@graph_input
class DeleteAssignmentInput(MutationInput):
    """Which assignment to take away."""

    assignment_id: strawberry.ID = value(
        "The assignment. When something was handed in, the answer is CONFLICT."
    )
    version: int = value(_VERSION)


@graph_type
class CreateAssignmentPayload(Payload):
    """The assignment that was created."""

    assignment: Assignment | None = leaf("The new assignment.")


@graph_type
class UpdateAssignmentPayload(Payload):
    """The assignment that was changed."""

    assignment: Assignment | None = leaf("The assignment as it is now.")


@graph_type
class DeleteAssignmentPayload(Payload):
    """The assignment that was taken away."""

    deleted_assignment_id: strawberry.ID | None = leaf("The id that it had.")


async def _create(
    info: Info,
    given: Annotated[CreateAssignmentInput, strawberry.argument(name="input", description="What it says.")],
) -> Written:
    lesson_id = info.context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId")
    draft = AssignmentDraft(
        title=given.title,
        instructions=given.instructions,
        due_at=given.due_at,
        points=given.points,
        accepts=given.accepts,
        pass_percent=given.pass_percent,
        completes_lesson=given.completes_lesson,
    )
    return Written(await assignment.create(info.context.work, lesson_id, draft))


async def _update(
    info: Info,
    given: Annotated[UpdateAssignmentInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.ASSIGNMENT, given.id, "id")
    changes = AssignmentChanges(
        title=required(given.title, "title"),
        instructions=required(given.instructions, "instructions"),
        due_at=optional(given.due_at),
        points=required(given.points, "points"),
        pass_percent=required(given.pass_percent, "passPercent"),
        completes_lesson=required(given.completes_lesson, "completesLesson"),
    )
    return Written(await assignment.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteAssignmentInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.ASSIGNMENT, given.assignment_id, "assignmentId")
    await assignment.delete(info.context.work, id_, version=given.version)
    return Deleted(given.assignment_id)


@strawberry.type
class AssignmentMutation:
    create_assignment: CreateAssignmentPayload | None = mutation(
        _create, "Ask learners to hand something in for a lesson.", requires=Permission.COURSE_WRITE
    )
    update_assignment: UpdateAssignmentPayload | None = mutation(
        _update,
        "Change what an assignment says. Grades stay as they were given.",
        requires=Permission.COURSE_WRITE,
    )
    delete_assignment: DeleteAssignmentPayload | None = mutation(
        _delete,
        "Take an assignment away that nobody has handed anything in for.",
        requires=Permission.COURSE_WRITE,
    )
