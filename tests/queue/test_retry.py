from harka.errors import ConflictError
from harka.queue.retry import MAX_ATTEMPTS, delay_after, reason


def test_delays_double_and_scatter() -> None:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        delays = [delay_after(attempt) for _ in range(200)]
        base = 2.0 * 2 ** (attempt - 1)
        assert base <= min(delays) < max(delays) <= base * 1.5
        assert len(set(delays)) > 100


def test_the_reason_tells_nothing_of_the_data() -> None:
    assert reason(ValueError("ada@example.com")) == "ValueError"
    assert reason(ConflictError("Stale.")) == "ConflictError: Stale."
    assert len(reason(ConflictError("x" * 1000))) == 500
