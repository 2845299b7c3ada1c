"""How far the people of a course get, and where they stop."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.learning import course as courses
from harka.learning.work import UnitOfWork
from harka.repositories import course_analytics
from harka.repositories.course_analytics import Funnel, LessonFigures
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission


class CourseAnalytics(msgspec.Struct, frozen=True):
    course_id: UUID
    funnel: Funnel
    lessons: Sequence[LessonFigures]


async def read(work: UnitOfWork, course_id: UUID) -> CourseAnalytics | None:
    """None for a course that the reader may not see. Raise `ForbiddenError`, `FeatureNotInPlanError`."""
    work.context.require(Permission.ENROLLMENT_READ)
    work.context.require_everybody()
    require_feature(work.context.organization, "advanced_analytics")
    if course_id not in await courses.find_many(work, [course_id]):
        return None
    return CourseAnalytics(
        course_id,
        await course_analytics.funnel(work.session, course_id),
        await course_analytics.lessons(work.session, course_id),
    )
