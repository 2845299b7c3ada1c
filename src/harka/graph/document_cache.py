"""Documents that are kept, within a bound of memory, and those in use kept from a flood of new ones."""

from typing import Any, Final, Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")

_SHARE_OF_NEW: Final = 4


class DocumentCache(Generic[T]):
    """By their text. What is asked for a second time moves to where only such documents are.

    So whoever sends any number of different documents, each once, forgets only others that were sent once. In
    both places the one least recently used is forgotten first.
    """

    def __init__(self, most: int) -> None:
        """`most`: of the weights of all that is kept; a quarter of it for what was asked for once."""
        self._new: LRUCache[str, tuple[T, int]] = LRUCache(most // _SHARE_OF_NEW, getsizeof=_weight)
        self._used: LRUCache[str, tuple[T, int]] = LRUCache(most - most // _SHARE_OF_NEW, getsizeof=_weight)

    @property
    def weight(self) -> int:
        """Of all that is kept."""
        return int(self._new.currsize + self._used.currsize)

    def __len__(self) -> int:
        return len(self._new) + len(self._used)

    def get(self, text: str) -> T | None:
        try:
            # `get` looks for it twice
            return self._used[text][0]
        except KeyError:
            known = self._new.pop(text, None)
        if known is None:
            return None
        self._used[text] = known
        return known[0]

    def keep(self, text: str, document: T, weight: int) -> None:
        """Unless it is too heavy to be kept at all."""
        if weight <= self._new.maxsize:
            self._new[text] = document, weight


def _weight(kept: tuple[Any, int]) -> int:
    return kept[1]
