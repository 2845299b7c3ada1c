import pytest

from harka.tenancy.plan import GIBI, LIMITS, MEBI, TEBI, Features, Plan, features_of, limits_of, with_grace


def test_every_plan_has_the_limits_the_platform_sells() -> None:
    sold = {
        plan: (each.cpu_millicores, each.memory_bytes, each.storage_bytes, each.bandwidth_bytes)
        for plan, each in LIMITS.items()
    }
    assert sold == {
        Plan.STARTER: (100, 256 * MEBI, 10 * GIBI, 100 * 10**9),
        Plan.GROWTH: (500, GIBI, 100 * GIBI, 10**12),
        Plan.ENTERPRISE: (2000, 4 * GIBI, TEBI, None),
    }


def test_a_larger_plan_never_gives_less() -> None:
    starter, growth, enterprise = (LIMITS[plan] for plan in Plan)
    for small, large in ((starter, growth), (growth, enterprise)):
        assert small.requests_per_second < large.requests_per_second
        assert small.burst < large.burst
        assert all(
            getattr(large.features, name) >= getattr(small.features, name)
            for name in Features.__struct_fields__
        )


def test_with_whatever_grace_a_limit_is_one_that_clients_can_be_told() -> None:
    assert with_grace(1_000_000, 0.1) == 1_100_000
    for included, grace in ((1_000_000, 2.0**53), (2**53, 0.1)):
        limit = with_grace(included, grace)
        assert limit == int(float(2**53))


def test_an_organizations_overrides_win_over_its_plan() -> None:
    assert features_of("STARTER", {"sso": True, "api_access": False}) == Features(sso=True, api_access=False)


def test_an_unknown_feature_changes_nothing() -> None:
    assert features_of("GROWTH", {"teleport": True}) == LIMITS[Plan.GROWTH].features


def test_an_unknown_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="PLATINUM"):
        limits_of("PLATINUM")
