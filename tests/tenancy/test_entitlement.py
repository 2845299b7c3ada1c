import math
from typing import Any

import pytest

from harka.errors import FeatureNotInPlanError, ValidationError
from harka.repositories.organization import Granted
from harka.tenancy.entitlement import (
    FEATURE_NAMES,
    LIMIT_NAMES,
    accept_features,
    accept_limit,
    is_shadow,
    limits_for,
    require_feature,
    spelled,
)
from harka.tenancy.plan import LIMITS, Plan
from tenancy.samples import organization


def test_what_was_granted_takes_the_place_of_the_plans() -> None:
    granted = Granted({"users": 7, "requests_per_month": None, "of another build": 1}, shadow=True, version=3)
    acme, plain = organization(granted=granted), organization()
    assert (limits_for(acme).users, limits_for(acme).requests_per_month) == (7, None)
    assert limits_for(acme).storage_bytes == LIMITS[Plan.STARTER].storage_bytes
    assert limits_for(plain) is LIMITS[Plan.STARTER]
    assert (is_shadow(acme), is_shadow(plain)) == (True, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("teleport", 1),
        ("features", 1),
        ("burst", None),
        ("burst", 0),
        ("users", -1),
        ("users", 1.5),
        ("users", True),
        ("requests_per_second", math.nan),
        ("requests_per_second", math.inf),
        ("requests_per_second", 0),
        ("storage_bytes", 2**53 + 2),
        ("storage_bytes", 10**400),
        ("users", 2**31),
        ("queued_jobs", 2**31),
        ("running_jobs", 2**31),
    ],
)
def test_a_limit_that_could_not_be_kept_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        accept_limit(name, value)
    assert refused.value.field == name


def test_a_limit_has_the_type_that_the_plan_has() -> None:
    assert accept_limit("users", None) is None
    assert (accept_limit("users", 5.0), type(accept_limit("requests_per_second", 5))) == (5, float)
    plan = LIMITS[Plan.GROWTH]
    assert [accept_limit(name, getattr(plan, name)) for name in LIMIT_NAMES]


def test_a_feature_is_refused_naming_the_smallest_plan_that_has_it() -> None:
    for feature, plan in (("sso", "GROWTH"), ("custom_ai", "ENTERPRISE")):
        with pytest.raises(FeatureNotInPlanError) as refused:
            require_feature(organization(), feature, field="name")
        assert refused.value.extensions() == {
            "code": "FEATURE_NOT_IN_PLAN",
            "field": "name",
            "feature": spelled(feature),
            "plan": plan,
        }
    require_feature(organization(features={"sso": True}), "sso")


@pytest.mark.parametrize("plan", Plan)
@pytest.mark.parametrize("feature", ["sso", "api_access"])
def test_what_an_organizations_own_terms_turn_off_no_plan_is_told_to_bring_back(
    feature: str, plan: Plan
) -> None:
    with pytest.raises(FeatureNotInPlanError, match="its own terms turn it off") as refused:
        require_feature(organization(plan=plan, features={feature: False}), feature)
    assert refused.value.extensions() == {
        "code": "FEATURE_NOT_IN_PLAN",
        "feature": spelled(feature),
        "plan": None,
    }


def test_features_are_spelled_as_in_the_graph() -> None:
    assert [spelled(name) for name in FEATURE_NAMES] == [
        "sso",
        "customBranding",
        "apiAccess",
        "advancedAnalytics",
        "customAI",
    ]
    with pytest.raises(ValidationError, match="no feature"):
        accept_features({"teleport": True})
