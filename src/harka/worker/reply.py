"""What a handler makes of the reply to a stored query, and how long it leaves the points to others."""

from collections.abc import Iterable
from typing import Any, Final

from harka.codec import from_json, json_bytes
from harka.errors import (
    DeadlineExceededError,
    InternalError,
    OverloadedError,
    RateLimitedError,
    UnavailableError,
)
from harka.learning.asking import Reply
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Level

_SHARE_OF_OTHERS: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
_PASSING: Final = frozenset(
    each.code for each in (UnavailableError, OverloadedError, DeadlineExceededError, InternalError)
)
"""Codes of answers that may be others the next time."""


class AskedError(Exception):
    """The query was refused, and would be again: by `code`, which is a client's to read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def data_of(reply: Reply) -> dict[str, Any]:
    """The data of an answer without errors.

    Raise `AskedError`; `RateLimitedError` while there are not so many points; `UnavailableError` for what may
    be otherwise the next time.
    """
    if isinstance(reply.failure, RateLimitedError):
        raise reply.failure
    # as it goes over the wire: the data may have been written already
    body = from_json(json_bytes(reply.body))
    if body.get("errors"):
        error = body["errors"][0]
        code, message = error["extensions"]["code"], error["message"]
        raise UnavailableError(message) if code in _PASSING else AskedError(code, message)
    data: dict[str, Any] = body["data"]
    return data


def pause_after(levels: Iterable[Level], *, points_per_second: float) -> float:
    """Seconds until whoever asks again and again takes less than half of what may be saved up."""
    (points,) = [level for level in levels if level.resource == Resource.POINTS_PER_SECOND]
    too_many = points.used - points.limit * _SHARE_OF_OTHERS
    return min(max(too_many, 0.0) / points_per_second, _LONGEST_PAUSE)
