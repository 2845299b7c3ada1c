"""Bodies that are still to come: who announces one and does not send it keeps nobody from being served.

Until its body is whole a request has no place and counts for nothing; what it takes is memory, and a number
of them at most do so at once. When there are as many, one makes room: a body that is really sent is here
within moments, so it is the one that has been under way for the longest, and a stranger's before that of
anybody with credentials.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from harka.errors import OverloadedError

_SHARE: Final = 1 / 4
"""Of all, for one organization."""

_Ordered = dict[asyncio.Timeout, None]
"""As a set, in the order in which they came."""
_Crowd = tuple[_Ordered, _Ordered]
"""One organization's: strangers', and those of who has credentials."""


class Bodies:
    """Of one process. `under_way`: how many are being read."""

    def __init__(self, most: int) -> None:
        """`most`: under way at once; a quarter of them of one organization."""
        self._most, self._most_of_one = most, max(int(most * _SHARE), 1)
        self._crowds: dict[UUID, _Crowd] = {}
        self.under_way = 0

    def state(self) -> Mapping[str, float]:
        """For a gauge."""
        return {"bodies": self.under_way}

    @asynccontextmanager
    async def reading(self, organization: UUID, *, is_known: bool) -> AsyncIterator[None]:
        """Count one while the block runs, which reads it. `is_known`: it is not a stranger's.

        Raise `OverloadedError` when there are too many, and out of the block when it has to make room.
        """
        self._make_room(organization, is_known=is_known)
        crowd = self._crowds.setdefault(organization, ({}, {}))
        body = asyncio.timeout(None)
        crowd[is_known][body] = None
        self.under_way += 1
        try:
            async with body:
                yield
        except TimeoutError:
            if not body.expired():
                raise
            raise OverloadedError from None
        finally:
            self._forget(organization, crowd, body)

    def _make_room(self, newcomer: UUID, *, is_known: bool) -> None:
        crowd = self._crowds.get(newcomer)
        if crowd is not None and _size(crowd) >= self._most_of_one:
            crowded = newcomer
        elif self.under_way >= self._most:
            # one with strangers before any without
            crowded = max(self._crowds, key=lambda each: _claim_to_go(self._crowds[each]))
        else:
            return
        strangers, known = crowd = self._crowds[crowded]
        # strangers do not send those away whom their organization knows
        going = strangers or (known if is_known or crowded != newcomer else None)
        if not going:
            raise OverloadedError
        oldest = next(iter(going))
        self._forget(crowded, crowd, oldest)
        oldest.reschedule(0.0)

    def _forget(self, organization: UUID, crowd: _Crowd, body: asyncio.Timeout) -> None:
        """Once it is whole, or given up; it may have been before."""
        for bodies in crowd:
            if body in bodies:
                del bodies[body]
                self.under_way -= 1
        if not _size(crowd) and self._crowds.get(organization) is crowd:
            del self._crowds[organization]


def _claim_to_go(crowd: _Crowd) -> tuple[bool, int]:
    strangers, _known = crowd
    return bool(strangers), _size(crowd)


def _size(crowd: _Crowd) -> int:
    strangers, known = crowd
    return len(strangers) + len(known)
