from collections.abc import Sequence
from uuid import UUID

from harka.learning import visibility
from harka.learning.work import UnitOfWork
from harka.repositories import module as modules
from harka.repositories.module import Module
from harka.rows import ByKey, Grouped


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Module]:
    """By id, those of courses the reader may see."""
    scope = visibility.of_courses(work.context)
    return ByKey(await modules.find_visible(work.session, scope, ids))


async def by_course(work: UnitOfWork, course_ids: Sequence[UUID]) -> Grouped[Module]:
    """In the order of the outline; courses without a module, or not visible, are left out."""
    scope = visibility.of_courses(work.context)
    return Grouped(await modules.find_by_courses(work.session, scope, course_ids), "course_id")
