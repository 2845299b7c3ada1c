"""`Range` of a request: one part of a file. Who asks for several gets the whole, as RFC 9110 allows."""

import re
from typing import Final

from harka.errors import RangeNotSatisfiableError

_ONE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


def span_of(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None for the whole.

    Raise `RangeNotSatisfiableError` for a part that begins behind the end of `size` bytes.
    """
    asked = _ONE.fullmatch(header or "")
    if asked is None or asked.groups() == ("", ""):
        return None
    first, last = asked.groups()
    if not first:
        length = min(int(last), size)
        begin, end = size - length, size
    else:
        begin, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < begin:
            return None
    if begin >= size:
        raise RangeNotSatisfiableError(size=size)
    return begin, end
