"""What was verified once, found again by what was shown, without keeping what was shown.

A credential is remembered under a mark: a hash of its text under a key that the process makes up and tells
nobody. So no secret outlives its request, and nobody can search for a text with another's mark.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, TypeVar

from harka.fastpath import COMPILED, siphash128

T = TypeVar("T")

_KEY: Final = os.urandom(16)


def slow_mark(text: bytes) -> bytes:
    """For where no compiler built SipHash: its twin in Python takes fifty times as long as this."""
    return hashlib.blake2s(text, key=_KEY).digest()


_mark: Callable[[bytes], bytes] = partial(siphash128, _KEY) if COMPILED else slow_mark


class Remembered(Generic[T]):
    """At most `size` things, the least recently used forgotten first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._by_mark: OrderedDict[bytes, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_mark)

    def find(self, text: bytes) -> T | None:
        """What `keep` was told with this text."""
        mark = _mark(text)
        found = self._by_mark.get(mark)
        if found is not None:
            self._by_mark.move_to_end(mark)
        return found

    def keep(self, text: bytes, thing: T) -> None:
        """`text`: a verified credential, never an unverified one: strangers must not fill the memory."""
        mark = _mark(text)
        self._by_mark[mark] = thing
        self._by_mark.move_to_end(mark)
        if len(self._by_mark) > self._size:
            self._by_mark.popitem(last=False)

    def forget(self) -> None:
        """Forget everything."""
        self._by_mark.clear()
