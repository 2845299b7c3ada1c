"""When things happened: OULAD counts days since the start of a presentation, its paper names the month."""

from datetime import UTC, datetime, timedelta

_MONTHS = {"B": 2, "J": 10}


def starts(code: str) -> datetime:
    """Midnight UTC of the first day: `2013B` is 1 February 2013, `2014J` 1 October 2014.

    Raise `ValueError` for a code of another form.
    """
    try:
        return datetime(int(code[:4]), _MONTHS[code[4:]], 1, tzinfo=UTC)
    except KeyError:
        raise ValueError(f"not a presentation code: {code!r}") from None


def month(code: str) -> str:
    return f"{starts(code):%B %Y}"


def moment(start: datetime, day: int, *seeds: int) -> datetime:
    """Make up a second of that day between 07:00 and 22:00, always the same for the same `seeds`.

    The data know the day only. Days before the start count as the first day: nothing precedes the enrollment.
    """
    second = 0
    for seed in seeds:
        # Knuth's multiplicative hash: neighbours in number are far apart in the day
        second = (second ^ seed) * 2_654_435_761 & 0xFFFF_FFFF
    return start + timedelta(days=max(day, 0), hours=7, seconds=second % _DAYTIME)


_DAYTIME = 15 * 3600
