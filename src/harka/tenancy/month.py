"""The calendar month that monthly limits are counted in: the organization's own."""

import functools
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo


def month_of(moment: datetime, timezone: str) -> date:
    """The first day of the month that it is in `timezone` (IANA) at that moment."""
    return moment.astimezone(_zone(timezone)).date().replace(day=1)


def window_of(moment: datetime, timezone: str) -> tuple[str, float]:
    """The month's name, and seconds until it ends."""
    left = (next_month(moment, timezone) - moment).total_seconds()
    return month_of(moment, timezone).isoformat(), left


def next_month(moment: datetime, timezone: str) -> datetime:
    """When the next one begins there."""
    first = month_of(moment, timezone)
    following = (first + timedelta(days=31)).replace(day=1)
    return datetime(following.year, following.month, 1, tzinfo=_zone(timezone)).astimezone(UTC)


@functools.cache
def _zone(timezone: str) -> tzinfo:
    try:
        return ZoneInfo(timezone)
    # a name that this machine does not know, or one that could not be a file
    except (KeyError, ValueError, OSError):
        return UTC
