import msgspec
import pytest

from harka.auth import scim_token as texts
from harka.errors import FeatureNotInPlanError, ForbiddenError
from harka.learning import scim_token
from harka.learning.scim_token import ScimTokenState
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from school import School, school
from scim_school import working

__all__ = ["school"]


async def test_its_text_is_kept_nowhere_and_shown_by_no_repr(school: School) -> None:
    async with working(school) as work:
        made = await scim_token.create(work, name=" Directory ")
        (kept,) = await scim_token.find_many(work, [made.token.id])
        assert await scim_token.count(work) == 1
    assert (made.token.name, made.token.hash) == ("Directory", texts.hashed(made.text))
    assert made.text not in repr(made) + repr(made.token)
    assert scim_token.state_of(made.token) is ScimTokenState.LIVE
    assert kept is not None


async def test_without_the_feature_none_is_made_and_each_can_be_ended(school: School) -> None:
    async with working(school) as work:
        made = await scim_token.create(work, name="Directory")
    plain = msgspec.structs.replace(school.organization, plan="STARTER")
    async with working(school, operator_context(plain)) as work:
        with pytest.raises(FeatureNotInPlanError):
            await scim_token.create(work, name="Another")
        ended = await scim_token.revoke(work, made.token.id)
    assert scim_token.state_of(ended) is ScimTokenState.REVOKED


async def test_whoever_may_not_write_people_makes_none(school: School) -> None:
    everything = operator_context(school.organization)
    some = frozenset(Permission) - {Permission.USER_WRITE}
    async with working(school, msgspec.structs.replace(everything, permissions=some)) as work:
        with pytest.raises(ForbiddenError):
            await scim_token.create(work, name="Directory")
        assert await scim_token.count(work) == 0
