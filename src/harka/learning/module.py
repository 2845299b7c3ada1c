from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from harka.learning import visibility
from harka.learning.work import UnitOfWork
from harka.repositories import module as modules
from harka.repositories.module import Module


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Module]:
    """By id, those of courses the reader may see."""
    scope = visibility.of_courses(work.context)
    return {module.id: module for module in await modules.find_visible(work.session, scope, ids)}


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> dict[UUID, list[Module]]:
    """In the order of the outline; courses without a module, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    grouped: defaultdict[UUID, list[Module]] = defaultdict(list)
    for module in await modules.find_by_courses(work.session, scope, course_ids):
        grouped[module.course_id].append(module)
    return dict(grouped)
