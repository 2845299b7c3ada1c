from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from harka.learning import visibility
from harka.learning.work import UnitOfWork
from harka.repositories import lesson as lessons
from harka.repositories.lesson import Lesson


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Lesson]:
    """By id, those of courses the reader may see."""
    scope = visibility.of_courses(work.context)
    return {lesson.id: lesson for lesson in await lessons.find_visible(work.session, scope, ids)}


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> dict[UUID, list[Lesson]]:
    """In the order of the outline; courses without a lesson, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    grouped: defaultdict[UUID, list[Lesson]] = defaultdict(list)
    for lesson in await lessons.find_by_courses(work.session, scope, course_ids):
        grouped[lesson.course_id].append(lesson)
    return dict(grouped)


async def by_module(work: UnitOfWork, module_ids: Sequence[UUID]) -> dict[UUID, list[Lesson]]:
    """In order; modules without a lesson, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    grouped: defaultdict[UUID, list[Lesson]] = defaultdict(list)
    for lesson in await lessons.find_by_modules(work.session, scope, module_ids):
        grouped[lesson.module_id].append(lesson)
    return dict(grouped)
