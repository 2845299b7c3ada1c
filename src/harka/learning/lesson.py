from collections.abc import Sequence
from uuid import UUID

from harka.learning import visibility
from harka.learning.work import UnitOfWork
from harka.repositories import lesson as lessons
from harka.repositories.lesson import Lesson
from harka.rows import ByKey, Grouped


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Lesson]:
    """By id, those of courses the reader may see."""
    scope = visibility.of_courses(work.context)
    return ByKey(await lessons.find_visible(work.session, scope, ids))


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> Grouped[Lesson]:
    """In the order of the outline; courses without a lesson, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    return Grouped(await lessons.find_by_courses(work.session, scope, course_ids), "course_id")


async def by_module(work: UnitOfWork, module_ids: Sequence[UUID]) -> Grouped[Lesson]:
    """In order; modules without a lesson, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    return Grouped(await lessons.find_by_modules(work.session, scope, module_ids), "module_id")
