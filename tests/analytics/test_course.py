import msgspec
import pytest

from academy import Academy
from harka.analytics import course
from harka.errors import FeatureNotInPlanError, ForbiddenError
from harka.ids import new_id
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission


async def test_three_statements_whatever_the_course(academy: Academy) -> None:
    subject = await academy.course(weights=(1,) * 7)
    for _ in range(3):
        await academy.enrollment(await academy.user(), subject)
    async with academy.work(read_only=True) as work:
        found = await course.read(work, subject.id)
    assert academy.statements <= 3
    assert found is not None
    assert (found.course_id, found.funnel.enrolled, len(found.lessons)) == (subject.id, 3, 7)


async def test_a_course_that_is_not_seen_has_none(academy: Academy, rival: Academy) -> None:
    draft, foreign = await academy.course(published=False), await rival.course()
    instructor = academy.acting(await academy.user("instructor"))
    async with academy.work(instructor, read_only=True) as work:
        for hidden in (draft.id, foreign.id, new_id()):
            assert await course.read(work, hidden) is None


async def test_only_who_sees_enrollments_reads_it(academy: Academy) -> None:
    subject = await academy.course()
    async with academy.work(academy.key(Permission.COURSE_READ), read_only=True) as work:
        with pytest.raises(ForbiddenError):
            await course.read(work, subject.id)


async def test_it_is_not_in_every_plan(academy: Academy) -> None:
    subject = await academy.course()
    plain = msgspec.structs.replace(academy.organization, features={})
    async with academy.work(operator_context(plain), read_only=True) as work:
        with pytest.raises(FeatureNotInPlanError, match=r"advancedAnalytics .* ENTERPRISE has it") as refused:
            await course.read(work, subject.id)
    assert refused.value.extensions() == {
        "code": "FEATURE_NOT_IN_PLAN",
        "feature": "advancedAnalytics",
        "plan": "ENTERPRISE",
    }
