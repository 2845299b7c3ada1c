from datetime import UTC

from harka import clock


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_monotonic_time_does_not_go_back() -> None:
    assert clock.monotonic() <= clock.monotonic()
