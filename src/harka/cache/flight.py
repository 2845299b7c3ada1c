"""One fetches what many look for at the same time; the others wait for what it finds."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

_LANDED: Final = 0.1
"""Seconds for which what was fetched is there for those who looked for it before, and are told late."""
_FAILED: Final = "failed"
_LEFT: Final = "left"
"""Whoever was at it was cancelled, as when a client goes away: that says nothing of what it was fetching."""


class Flights:
    """Of one process. Whoever looks for the same name shares: it contains the numbers of `generation`.

    So nobody shares in what was begun before a change that they may know of.
    """

    def __init__(self) -> None:
        self._flying: dict[str, asyncio.Future[Any]] = {}

    def divide(self, names: Mapping[Any, str]) -> tuple["Own", "Others"]:
        """Which keys to fetch oneself, from now on for the others too, and which are being fetched."""
        own, others = {}, {}
        loop = asyncio.get_running_loop()
        for key, name in names.items():
            flying = self._flying.get(name)
            if flying is None:
                own[key] = name
                self._flying[name] = loop.create_future()
            else:
                others[key] = flying
        return Own(self._flying, own), Others(others)


class Own:
    """A block around fetching.

    Whoever is not told in it fetches themselves after it; where it was cancelled, one does for the others.
    """

    def __init__(self, flying: dict[str, asyncio.Future[Any]], names: Mapping[Any, str]) -> None:
        self._flying = flying
        self._names = dict(names)
        self.keys: Sequence[Any] = list(names)

    def tell(self, found: Mapping[Any, Any]) -> None:
        """Let the others have these, and know that there is none of what is not among them."""
        for key, name in self._names.items():
            flying = self._flying[name]
            if not flying.done():
                flying.set_result((found.get(key),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, type_: type[BaseException] | None, *error: object) -> None:
        untold = _LEFT if type_ is asyncio.CancelledError else _FAILED
        for name in self._names.values():
            if self._flying[name].done():
                asyncio.get_running_loop().call_later(_LANDED, self._flying.pop, name)
            else:
                self._flying.pop(name).set_result(untold)


class Others:
    """What others are fetching."""

    def __init__(self, flying: Mapping[Any, asyncio.Future[Any]]) -> None:
        self._flying = flying

    async def wait(self) -> tuple[dict[Any, Any], list[Any], list[Any]]:
        """What they found, by key; what they failed to fetch; and what they left unfetched."""
        found, failed, left = {}, [], []
        for key, flying in self._flying.items():
            # shielded: one that stops waiting must not end it for the others
            told = await asyncio.shield(flying)
            if told is _FAILED:
                failed.append(key)
            elif told is _LEFT:
                left.append(key)
            elif told[0] is not None:
                found[key] = told[0]
        return found, failed, left
