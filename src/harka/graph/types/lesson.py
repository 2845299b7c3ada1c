from collections.abc import Awaitable
from datetime import datetime

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.enums import LessonKind
from harka.graph.field import field, leaf, related
from harka.graph.loaders.assignment import AssignmentsByLessonLoader
from harka.graph.loaders.content import ContentItemsByLessonLoader
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.loader import is_there
from harka.graph.loaders.module import ModuleByIdLoader
from harka.graph.loaders.quiz import QuizzesByLessonLoader
from harka.graph.loaders.unlock import LockByModuleLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.lesson import Lesson as LessonRow


def _is_locked(root: LessonRow, info: Info) -> Awaitable[bool]:
    return info.context.loaders.of(LockByModuleLoader).want(root.module_id, is_there)


@node_type(LessonRow, NodeKind.LESSON, LessonByIdLoader, cached=kept(60))
class Lesson(Node):
    """One thing to work through in a module."""

    course: later.Course | None = related(
        CourseByIdLoader, "course_id", "The course it belongs to; null when the caller may not see it."
    )
    module: later.Module | None = related(
        ModuleByIdLoader, "module_id", "The module it belongs to; null when the caller may not see it."
    )
    position: int = leaf("The place within the module, from 0.")
    title: str = leaf("What the lesson is called.")
    kind: LessonKind = leaf("What a learner does in it.")
    duration_minutes: int | None = leaf("How long it takes, in minutes; null when nobody said.")
    weight: float = leaf("Its share of the course's progress, relative to the other lessons; 0 is optional.")
    required: bool = leaf("Whether nobody completes the course without it.")
    is_locked: bool = field(
        _is_locked,
        "Whether its module is closed for the caller: then it can neither be read nor worked in.",
        cached=kept(0),
    )
    lock: later.ModuleLock | None = related(
        LockByModuleLoader, "module_id", "Why its module is closed for the caller; null when it is open."
    )
    content_items: list[later.ContentItem] = related(
        ContentItemsByLessonLoader,
        "id",
        "What it shows, in order, for who takes the course; empty while the lesson is locked. Who may read "
        "enrollments or write courses sees everything.",
    )
    quizzes: list[later.Quiz] = related(
        QuizzesByLessonLoader,
        "id",
        "Its quizzes, oldest first, at most 20; for who takes the course those that a content item shows, "
        "and none while the lesson is locked.",
    )
    assignments: list[later.Assignment] = related(
        AssignmentsByLessonLoader,
        "id",
        "What is to be handed in, oldest first, at most twenty: for whom there are content items.",
    )
    created_at: datetime = leaf("When the lesson was created.")
    updated_at: datetime = leaf("When the lesson last changed.")
    version: int = leaf("Grows with every change.")
