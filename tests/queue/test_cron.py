from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from harka.queue import cron

BERLIN = ZoneInfo("Europe/Berlin")


def following(text: str, after: str, zone: ZoneInfo | None = None, count: int = 1) -> list[str]:
    """The next times, as `zone` shows them."""
    moment, shown = datetime.fromisoformat(after).replace(tzinfo=UTC), zone or ZoneInfo("UTC")
    found = []
    for _ in range(count):
        moment = cron.next_after(cron.parse(text), moment, shown)
        assert moment.tzinfo is UTC
        found.append(f"{moment.astimezone(shown):%Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", "2026-01-31 10:31"),
        ("30 * * * *", "2026-01-31 11:30"),
        ("*/20 9-17/4 * * *", "2026-01-31 13:00"),
        ("0 0 1 * *", "2026-02-01 00:00"),
        ("5,50 10 * * *", "2026-01-31 10:50"),
        ("0 3 * * 1", "2026-02-02 03:00"),
        ("0 3 * * 7", "2026-02-01 03:00"),
        ("0 3 * * 0", "2026-02-01 03:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 15 * 1", "2026-02-02 00:00"),
        ("0 0 */31 * 1", "2026-06-01 00:00"),
    ],
)
def test_the_next_time_is_found(text: str, expected: str) -> None:
    assert following(text, "2026-01-31T10:30:30") == [expected]


def test_a_time_is_of_the_clocks_of_its_zone() -> None:
    assert following("0 3 * * *", "2026-03-28T00:00:00", BERLIN, 3) == [
        "2026-03-28 03:00",
        "2026-03-29 03:00",
        "2026-03-30 03:00",
    ]


def test_a_time_that_clocks_skip_comes_once_and_one_they_show_twice_too() -> None:
    skipped = following("30 2 * * *", "2026-03-28T12:00:00", BERLIN, 2)
    twice = following("30 2 * * *", "2026-10-24T12:00:00", BERLIN, 2)
    assert skipped == ["2026-03-29 03:30", "2026-03-30 02:30"]
    assert twice == ["2026-10-25 02:30", "2026-10-26 02:30"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8"),
        *("*/0 * * * *", "5-1 * * * *", "a * * * *", "-1 * * * *", "1,, * * * *", "@daily", "0 0 30 2 *"),
        *("\u0661 * * * *", "*/* * * * *", "1" * 101, "0  0 * * *"),
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"needed|there is no such day"):
        cron.parse(text)
