from collections.abc import Awaitable
from datetime import datetime

from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.lesson import LessonsByModuleLoader
from harka.graph.loaders.module import ModuleByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.course import Course as CourseRow
from harka.repositories.lesson import Lesson as LessonRow
from harka.repositories.module import Module as ModuleRow


def _course(root: ModuleRow, info: Info) -> Awaitable[CourseRow | None]:
    return info.context.loaders.of(CourseByIdLoader).load(root.course_id)


def _lessons(root: ModuleRow, info: Info) -> Awaitable[list[LessonRow]]:
    return info.context.loaders.of(LessonsByModuleLoader).load(root.id)


@node_type(ModuleRow, NodeKind.MODULE, ModuleByIdLoader)
class Module(Node):
    """A part of a course."""

    course: later.Course | None = field(
        _course, "The course it is a part of; null when the caller may not see it."
    )
    position: int = leaf("The place within the course, from 0.")
    title: str = leaf("What the module is called.")
    lessons: list[later.Lesson] = field(_lessons, "The lessons of the module, in order.")
    created_at: datetime = leaf("When the module was created.")
    updated_at: datetime = leaf("When the module last changed.")
    version: int = leaf("Grows with every change.")
