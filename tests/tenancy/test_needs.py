import pytest

from harka.tenancy.needs import Needs, total, usable


def test_those_who_lack_as_much_are_counted_together_until_they_leave() -> None:
    needs = Needs()
    with needs.waiting({0: 5.0, 1: 1.0}), needs.waiting({0: 2.0}):
        with needs.waiting({0: 5.0}):
            assert needs.of(0) == [(2.0, 1), (5.0, 2)]
            assert total(needs.of(0)) == 12.0
        assert needs.of(0) == [(2.0, 1), (5.0, 1)]
        assert needs.of(1) == [(1.0, 1)]
    assert needs.of(0) == []
    assert not needs._waiting


def test_who_waits_to_be_heard_lacks_nothing() -> None:
    """As an operation that costs nothing, of a lease that has ended."""
    needs = Needs()
    with needs.waiting({0: 0.0}):
        assert needs.of(0) == []


@pytest.mark.parametrize(
    ("room", "taken"), [(1.0, 0.0), (2.0, 2.0), (6.0, 4.0), (9.5, 9.0), (14.0, 14.0), (50.0, 14.0)]
)
def test_each_takes_all_that_it_lacks_or_nothing(room: float, taken: float) -> None:
    assert usable([(2.0, 2), (5.0, 2)], room) == taken
