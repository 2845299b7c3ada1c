import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import RateLimitedError
from harka.repositories.organization import Organization
from harka.tenancy.plan import LIMITS, Plan
from harka.tenancy.quota import Admission
from tenancy.samples import organization

BURST = LIMITS[Plan.STARTER].burst
RATE = LIMITS[Plan.STARTER].requests_per_second


def admitted(admission: Admission, who: Organization, now: float, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            admission.admit(who, now)
        except RateLimitedError:
            continue
        count += 1
    return count


def test_a_plan_admits_its_burst_and_then_its_rate() -> None:
    admission, acme = Admission(), organization()
    assert admitted(admission, acme, 0.0, BURST + 50) == BURST
    assert admitted(admission, acme, 0.5, BURST) == RATE * 0.5


def test_a_refusal_says_when_to_come_back() -> None:
    admission, acme = Admission(), organization()
    admitted(admission, acme, 0.0, BURST)
    with pytest.raises(RateLimitedError) as caught:
        admission.admit(acme, 0.0)
    assert caught.value.retry_after == pytest.approx(1 / RATE)
    admission.admit(acme, caught.value.retry_after)


def test_one_organization_does_not_spend_anothers_budget() -> None:
    admission, acme, globex = Admission(), organization("acme"), organization("globex")
    admitted(admission, acme, 0.0, BURST + 1)
    admission.admit(globex, 0.0)


def test_a_greater_plan_counts_at_once() -> None:
    admission, acme = Admission(), organization("acme", plan="ENTERPRISE")
    assert admitted(admission, acme, 0.0, BURST * 2) == BURST * 2


def test_an_expensive_request_takes_more() -> None:
    admission, acme = Admission(), organization()
    admission.admit(acme, 0.0, cost=float(BURST))
    with pytest.raises(RateLimitedError):
        admission.admit(acme, 0.0)


def test_idle_organizations_are_forgotten() -> None:
    admission = Admission()
    for number in range(1000):
        admission.admit(organization(f"t{number}"), 0.0)
    assert len(admission) == 1000
    busy = organization("busy")
    for step in range(1000):
        admission.admit(busy, 10.0 + step)
    assert len(admission) == 1


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 3.0)), max_size=40))
def test_forgetting_gives_nobody_a_larger_budget(steps: list[tuple[int, float]]) -> None:
    """Whatever others do, a tenant gets no more than its burst and its rate over the time."""
    admission = Admission()
    everyone = [organization(f"t{number}") for number in range(3)]
    taken = dict.fromkeys(range(3), 0)
    now = 0.0
    for who, pause in steps:
        now += pause
        taken[who] += admitted(admission, everyone[who], now, BURST // 2)
    assert all(count <= BURST + RATE * now + 1 for count in taken.values())


def test_a_plan_change_resizes_the_bucket() -> None:
    admission, acme = Admission(), organization("acme", plan="ENTERPRISE")
    admission.admit(acme, 0.0)
    assert admitted(admission, organization("acme", id=acme.id), 100.0, BURST * 2) == BURST
