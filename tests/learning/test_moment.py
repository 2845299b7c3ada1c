from datetime import UTC, datetime, timedelta, timezone

import pytest

from harka import clock
from harka.errors import ValidationError
from harka.learning.moment import accept_moment, accept_past, has_passed


def test_any_offset_is_fine() -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=14)))

    assert accept_moment(moment, "dueAt") is moment
    assert accept_past(moment - timedelta(days=1), "enrolledAt").year == 2025


@pytest.mark.parametrize(
    "bad",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001 - a time without a zone is the case
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ],
)
def test_implausible_moments_are_refused(bad: datetime) -> None:
    with pytest.raises(ValidationError) as caught:
        accept_moment(bad, "dueAt")

    assert caught.value.field == "dueAt"


def test_what_has_happened_is_not_in_the_future() -> None:
    with pytest.raises(ValidationError):
        accept_past(clock.now() + timedelta(hours=1), "occurredAt")


def test_no_moment_is_now() -> None:
    assert clock.now() - accept_past(None, "occurredAt") < timedelta(seconds=1)


def test_what_is_never_does_not_pass() -> None:
    assert not has_passed(None)
    assert has_passed(clock.now() - timedelta(seconds=1))
    assert not has_passed(clock.now() + timedelta(hours=1))
