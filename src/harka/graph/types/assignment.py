from datetime import datetime

from harka.graph.enums import SubmissionKind
from harka.graph.field import leaf, related
from harka.graph.loaders.assignment import AssignmentByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.submission import OwnSubmissionByAssignmentLoader
from harka.graph.node import Node, node_type
from harka.graph.permission import Access
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.assignment import Assignment as AssignmentRow


@node_type(AssignmentRow, NodeKind.ASSIGNMENT, AssignmentByIdLoader)
class Assignment(Node):
    """What learners hand in for a lesson. It is absent for who may not read the lesson."""

    lesson: later.Lesson | None = related(
        LessonByIdLoader, "lesson_id", "The lesson it belongs to; null when the caller may not see it."
    )
    title: str = leaf("What it is called.")
    instructions: str = leaf("What to do, in Markdown if the client shows it so; may be empty.")
    due_at: datetime | None = leaf("By when it is due; null for any time. What comes later is taken as late.")
    points: int = leaf("The highest score.")
    accepts: SubmissionKind = leaf("What is handed in.")
    pass_percent: int = leaf("How much of the points passes it: 0 to 100.")
    completes_lesson: bool = leaf(
        "Whether a grade that passes it finishes the lesson, with the score as its mark. Then a learner's "
        "`recordProgress` of the whole lesson, or with a score, is ASSIGNMENT_REQUIRED. Where the lesson is "
        "required, the course is not completed without it; `waiveLesson` lets somebody off."
    )
    own_submission: later.Submission | None = related(
        OwnSubmissionByAssignmentLoader,
        "id",
        "What the caller has handed in; null when nothing.",
        requires=Access.SIGNED_IN,
    )
    created_at: datetime = leaf("When it was created.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")
