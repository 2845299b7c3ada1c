from datetime import datetime

from harka.graph.field import leaf, related
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.lesson import LessonsByModuleLoader
from harka.graph.loaders.module import ModuleByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.module import Module as ModuleRow


@node_type(ModuleRow, NodeKind.MODULE, ModuleByIdLoader)
class Module(Node):
    """A part of a course."""

    course: later.Course | None = related(
        CourseByIdLoader, "course_id", "The course it is a part of; null when the caller may not see it."
    )
    position: int = leaf("The place within the course, from 0.")
    title: str = leaf("What the module is called.")
    lessons: list[later.Lesson] = related(LessonsByModuleLoader, "id", "The lessons of the module, in order.")
    created_at: datetime = leaf("When the module was created.")
    updated_at: datetime = leaf("When the module last changed.")
    version: int = leaf("Grows with every change.")
