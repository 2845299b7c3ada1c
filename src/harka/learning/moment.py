from datetime import UTC, datetime, timedelta
from typing import Final

from harka import clock
from harka.errors import ValidationError

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def accept_moment(value: datetime, field: str) -> datetime:
    """Any plausible moment. Raise `ValidationError` naming `field`, for one without a time zone too."""
    if value.tzinfo is None:
        raise ValidationError("A time needs its offset from UTC.", field=field)
    if not _EARLIEST <= value < _LATEST:
        raise ValidationError("This time is out of range.", field=field)
    return value


def has_passed(moment: datetime | None) -> bool:
    """Whether it is over by now; None is never."""
    return moment is not None and moment <= clock.now()


def accept_past(value: datetime | None, field: str) -> datetime:
    """When something happened; None stands for now. Raise `ValidationError` naming `field`."""
    now = clock.now()
    if value is None:
        return now
    if accept_moment(value, field) > now + CLOCK_SKEW:
        raise ValidationError("This time is in the future.", field=field)
    return value
