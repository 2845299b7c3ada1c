import pytest

from harka.auth.key_rate import KeyRates
from harka.errors import RateLimitedError
from harka.ids import new_id


def admitted(rates: KeyRates, key: object, rate: int, now: float, tries: int) -> int:
    done = 0
    for _ in range(tries):
        try:
            rates.admit(key, rate, now)  # type: ignore[arg-type] # an id
        except RateLimitedError:
            break
        done += 1
    return done


def test_a_key_asks_as_often_as_it_may_and_no_other_pays_for_it() -> None:
    rates, busy, idle = KeyRates(), new_id(), new_id()
    assert admitted(rates, busy, 5, 0.0, 9) == 5
    assert admitted(rates, busy, 5, 0.4, 9) == 2
    assert admitted(rates, idle, 5, 0.4, 9) == 5
    with pytest.raises(RateLimitedError) as caught:
        rates.admit(busy, 5, 0.4)
    assert 0.0 < caught.value.retry_after <= 0.2


def test_a_changed_limit_counts_from_then_on() -> None:
    rates, key = KeyRates(), new_id()
    assert admitted(rates, key, 2, 0.0, 9) == 2
    assert admitted(rates, key, 3, 0.0, 9) == 3


def test_only_so_many_keys_are_remembered() -> None:
    rates = KeyRates(size=3)
    for _ in range(10):
        rates.admit(new_id(), 1, 0.0)
    assert len(rates) == 3
