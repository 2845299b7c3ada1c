from datetime import UTC, date, datetime

import pytest

from harka.tenancy.month import month_of, next_month

MOMENT = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "month", "following"),
    [
        ("UTC", date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        ("Europe/Warsaw", date(2027, 1, 1), datetime(2027, 1, 31, 23, tzinfo=UTC)),
        ("America/Lima", date(2026, 12, 1), datetime(2027, 1, 1, 5, tzinfo=UTC)),
        ("Nowhere/Else", date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        ("../../etc/passwd", date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_month_is_the_organizations_own(timezone: str, month: date, following: datetime) -> None:
    assert month_of(MOMENT, timezone) == month
    assert next_month(MOMENT, timezone) == following


def test_a_month_ends_in_summer_time_where_there_is_one() -> None:
    assert next_month(datetime(2026, 3, 15, tzinfo=UTC), "Europe/Berlin") == datetime(
        2026, 3, 31, 22, tzinfo=UTC
    )
