"""Languages and time zones, of people and of organizations."""

import functools
import re
import zoneinfo
from typing import Final

from harka.errors import ValidationError
from harka.learning.text import accept_line

_LONGEST_LOCALE: Final = 35
_LONGEST_TIMEZONE: Final = 64
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def accept_locale(value: str) -> str:
    """A BCP 47 tag, by form alone: which languages there are is the client's business.

    Raise `ValidationError`.
    """
    tag = accept_line(value, "locale", longest=_LONGEST_LOCALE)
    if not _LANGUAGE_TAG.fullmatch(tag):
        raise ValidationError("This is not a language tag, as in pt-BR.", field="locale")
    return tag


def accept_timezone(value: str) -> str:
    """An IANA name. Raise `ValidationError`."""
    name = accept_line(value, "timezone", longest=_LONGEST_TIMEZONE)
    if name not in _timezones():
        raise ValidationError("There is no such time zone, as in Europe/Berlin.", field="timezone")
    return name


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
