from uuid import uuid4

import pytest

from harka import clock
from harka.cache.doubts import Doubts


def test_a_doubt_lasts_for_two_and_a_half_seconds_from_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    doubts, tenant, other = Doubts(), uuid4(), uuid4()
    doubts.add(tenant)
    now += 2.0
    doubts.add(tenant)
    assert (doubts.holds(tenant), doubts.holds(other)) == (True, False)
    now += 2.4
    assert doubts.holds(tenant)
    now += 0.2
    assert not doubts.holds(tenant)


def test_doubts_that_are_over_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    doubts, lasting = Doubts(), uuid4()
    for _ in range(10):
        doubts.add(uuid4())
    now += 2.0
    doubts.add(lasting)
    now += 1.0
    doubts.add(uuid4())
    assert len(doubts) == 2
    assert doubts.holds(lasting)
