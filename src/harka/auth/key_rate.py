"""How fast a single API key may ask, where it has a limit of its own: in this process, beside the plan's."""

from collections import OrderedDict
from typing import Final
from uuid import UUID

import msgspec

from harka.errors import RateLimitedError
from harka.fastpath import Bucket

_KEYS: Final = 4096


class _Entry(msgspec.Struct):
    """`rate`: requests a second, and how many may come at once: an idle second fills the bucket."""

    bucket: Bucket
    rate: int


class KeyRates:
    """Buckets of the keys that asked lately, the least recently used forgotten first."""

    def __init__(self, *, size: int = _KEYS) -> None:
        self._size = size
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def admit(self, key: UUID, rate: int, now: float) -> None:
        """Take one request at monotonic second `now`, or raise `RateLimitedError` and take nothing."""
        entry = self._entries.get(key)
        if entry is None or entry.rate != rate:
            entry = self._entries[key] = _Entry(Bucket(float(rate), rate), rate)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        wait = entry.bucket.take(now, 1.0)
        if wait > 0.0:
            raise RateLimitedError("Too many requests with this API key.", retry_after=wait)
