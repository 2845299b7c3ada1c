from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.onboarding.presentation import moment, month, starts

START = datetime(2013, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "start"),
    [("2013B", datetime(2013, 2, 1, tzinfo=UTC)), ("2014J", datetime(2014, 10, 1, tzinfo=UTC))],
)
def test_a_code_names_the_month_of_the_start(code: str, start: datetime) -> None:
    assert starts(code) == start


@pytest.mark.parametrize("code", ["", "2013", "2013X", "2013BB", "J2013"])
def test_another_form_of_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        starts(code)


def test_a_month_is_written_in_words() -> None:
    assert month("2014B") == "February 2014"


@given(st.integers(0, 700), st.integers(0, 10**7), st.integers(0, 10**6))
def test_a_moment_lies_in_the_waking_hours_of_its_day(day: int, learner: int, lesson: int) -> None:
    at = moment(START, day, learner, lesson)
    assert START + timedelta(days=day, hours=7) <= at < START + timedelta(days=day, hours=22)


def test_a_moment_is_always_the_same_and_differs_between_people() -> None:
    assert moment(START, 3, 11391, 1752) == moment(START, 3, 11391, 1752)
    assert len({moment(START, 3, learner, 1752) for learner in range(100)}) > 90


def test_days_before_the_start_count_as_the_first_day() -> None:
    assert moment(START, -11, 5).date() == START.date()
