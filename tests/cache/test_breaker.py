import pytest

from harka import clock
from harka.cache.breaker import Breaker


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    return now


def opened(failures: int = 2) -> Breaker:
    breaker = Breaker(threshold=2)
    for _ in range(failures):
        breaker.failed()
    return breaker


def test_one_failure_changes_nothing(moment: list[float]) -> None:
    assert opened(1).allows()


def test_after_the_threshold_nobody_tries(moment: list[float]) -> None:
    breaker = opened()
    assert [breaker.allows() for _ in range(100)] == [False] * 100


def test_after_the_pause_one_tries_and_the_others_keep_waiting(moment: list[float]) -> None:
    breaker = opened()
    moment[0] += 0.51
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_success_closes_it(moment: list[float]) -> None:
    breaker = opened()
    moment[0] += 0.51
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows() for _ in range(3)] == [True] * 3


def test_pauses_grow_up_to_ten_seconds(moment: list[float]) -> None:
    breaker = opened(50)
    moment[0] += 7.4
    assert not breaker.allows()
    moment[0] += 2.7
    assert breaker.allows()


def test_pauses_grow_no_longer_than_is_asked_for(moment: list[float]) -> None:
    breaker = Breaker(threshold=2, longest=0.25)
    for _ in range(50):
        breaker.failed()
    moment[0] += 0.18
    assert not breaker.allows()
    moment[0] += 0.08
    assert [breaker.allows() for _ in range(2)] == [True, False]
    moment[0] += 0.26
    assert breaker.allows()
