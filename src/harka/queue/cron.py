"""Times that come again and again, as cron writes them: `minute hour day-of-month month day-of-week`.

Each field is `*`, a number, a range `1-5`, each with a step `*/15`, or several with commas. Sunday is 0 or 7.
As in cron, where both days are restricted either is enough. There are no names and no seconds.
"""

import functools
from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec

LONGEST: Final = 100
"""Characters of an expression."""
_FIELDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_LONGEST_MONTHS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DIGITS: Final = 2
_YEARS: Final = 8
"""Within which every day that exists comes: the 29th of February may be eight years away."""
_MINUTE: Final = timedelta(minutes=1)


class Cron(msgspec.Struct, frozen=True):
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def has_day(self, moment: datetime) -> bool:
        if moment.month not in self.months:
            return False
        by_month, by_week = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


@functools.lru_cache(256)
def parse(text: str) -> Cron:
    """Raise `ValueError` for what is no expression, or names no day that exists."""
    fields = text.split(" ")
    if len(fields) != len(_FIELDS) or len(text) > LONGEST:
        raise ValueError("five fields are needed")
    minutes, hours, days, months, weekdays = (
        _values(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True)
    )
    cron = Cron(
        minutes,
        hours,
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    if min(days) > max(_LONGEST_MONTHS[month] for month in months) and not cron.either_day:
        raise ValueError("there is no such day")
    return cron


def next_after(cron: Cron, after: datetime, zone: tzinfo) -> datetime:
    """The first moment after `after` that matches on the clocks of `zone`, with the zone of `after`.

    A time that clocks skip comes when they have; one that they show twice counts once, the first time.
    """
    local = after.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None) + _MINUTE
    last = local.year + _YEARS
    while local.year <= last:
        if not cron.has_day(local):
            local = local.replace(hour=0, minute=0) + timedelta(days=1)
        elif local.hour not in cron.hours:
            local = local.replace(minute=0) + timedelta(hours=1)
        elif local.minute not in cron.minutes:
            local += _MINUTE
        else:
            found = local.replace(tzinfo=zone).astimezone(after.tzinfo)
            if found > after:
                return found
            local += _MINUTE
    raise ValueError("there is no such day")


def _values(field: str, lowest: int, highest: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, 1, highest) if slash else 1
        if span == "*":
            first, last = lowest, highest
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, lowest, highest)
            last = _number(end, first, highest) if dash else highest if slash else first
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, lowest: int, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and lowest <= int(text) <= highest):
        raise ValueError(f"{lowest} to {highest} is needed, not {text[:10]!r}")
    return int(text)
