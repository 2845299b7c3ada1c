from collections.abc import Awaitable
from datetime import datetime

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.field import field, leaf, related
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.lesson import LessonsByModuleLoader
from harka.graph.loaders.loader import is_there
from harka.graph.loaders.module import ModuleByIdLoader
from harka.graph.loaders.unlock import LockByModuleLoader, UnlockByModuleLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.repositories.module import Module as ModuleRow


def _is_locked(root: ModuleRow, info: Info) -> Awaitable[bool]:
    return info.context.loaders.of(LockByModuleLoader).want(root.id, is_there)


@node_type(ModuleRow, NodeKind.MODULE, ModuleByIdLoader, cached=kept(60))
class Module(Node):
    """A part of a course."""

    course: later.Course | None = related(
        CourseByIdLoader, "course_id", "The course it is a part of; null when the caller may not see it."
    )
    position: int = leaf("The place within the course, from 0.")
    title: str = leaf("What the module is called.")
    lessons: list[later.Lesson] = related(LessonsByModuleLoader, "id", "The lessons of the module, in order.")
    is_locked: bool = field(
        _is_locked,
        "Whether it is closed for the caller, by its rules and their own enrollment: then its lessons are in "
        "the outline, but can neither be read nor worked in. False for who may write courses.",
        cached=kept(0),
    )
    lock: later.ModuleLock | None = related(
        LockByModuleLoader, "id", "Why it is closed for the caller; null when it is open."
    )
    unlock: later.ModuleUnlock | None = related(
        UnlockByModuleLoader, "id", "When it opens; null when that is from the beginning."
    )
    created_at: datetime = leaf("When the module was created.")
    updated_at: datetime = leaf("When the module last changed.")
    version: int = leaf("Grows with every change.")
