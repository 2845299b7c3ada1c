import random

import pytest

from harka.learning.bulk_change import AT_ONCE
from harka.onboarding.dataset import Dataset, read
from harka.onboarding.partition import Part, loading_order, partition
from harka.tenancy.plan import Plan


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return read()


@pytest.fixture(scope="module")
def parts(dataset: Dataset) -> list[Part]:
    return partition(dataset.registrations)


def test_there_are_tenants_of_all_three_sizes(parts: list[Part]) -> None:
    plans = [part.plan for part in parts]
    assert {plan: plans.count(plan) for plan in Plan} == {
        Plan.ENTERPRISE: 3,
        Plan.GROWTH: 56,
        Plan.STARTER: 14,
    }


def test_the_largest_regions_stay_whole(parts: list[Part]) -> None:
    large = {part.slug: part.learners for part in parts if part.plan is Plan.ENTERPRISE}
    assert large == {"east-anglian": 3_000, "scotland": 2_934, "london": 2_845}


def test_the_one_that_the_examples_name_has_hundreds_and_fewer_than_are_for_a_job(parts: list[Part]) -> None:
    assert [part.learners for part in parts if part.slug == "wales-bbb"] == [812]
    assert AT_ONCE > 812


def test_every_registration_falls_to_exactly_one_tenant(dataset: Dataset, parts: list[Part]) -> None:
    spread = [row for part in parts for row in part.registrations]
    assert len(spread) == len(dataset.registrations)
    assert set(spread) == set(dataset.registrations)


def test_a_learner_is_counted_once_per_tenant(parts: list[Part]) -> None:
    assert sum(part.learners for part in parts) == 30_476
    assert all(part.learners == len({row.learner for row in part.registrations}) for part in parts)


def test_a_starter_organization_leaves_seats_for_its_staff(parts: list[Part]) -> None:
    assert max(part.learners for part in parts if part.plan is Plan.STARTER) == 84


def test_slugs_are_unique_and_fit_a_host_name(parts: list[Part]) -> None:
    slugs = [part.slug for part in parts]
    assert len(set(slugs)) == len(slugs) == 73
    assert all(slug.replace("-", "").isalnum() and slug.isascii() and len(slug) <= 63 for slug in slugs)
    assert "wales-bbb" in slugs


def test_the_order_of_the_rows_does_not_matter(dataset: Dataset, parts: list[Part]) -> None:
    shuffled = random.sample(dataset.registrations, len(dataset.registrations))
    assert partition(shuffled) == parts


def test_the_smallest_tenant_is_loaded_first_and_the_largest_next(parts: list[Part]) -> None:
    order = loading_order(parts)
    assert [part.slug for part in order[:2]] == ["ireland-ggg", "scotland"]
    assert sorted(part.slug for part in order) == [part.slug for part in parts]
