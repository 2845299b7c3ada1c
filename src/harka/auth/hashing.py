"""Where passwords are hashed: few at a time, and never one organization's before all others'.

A hash takes tens of milliseconds of a processor and 19 MiB.
"""

import contextlib
import os
import threading
from concurrent.futures import Future
from functools import partial
from typing import Final
from uuid import UUID

from harka.auth.fair_threads import FairThreads
from harka.auth.password import hash_password, verify_password

SHARE: Final = 16
"""Hashes of one organization that may wait in a process."""
_NICE: Final = 15
"""Beside 50 guesses a second on one tenant, others' p99 of reads, sign-ins: 18, 78 ms; at 3: 33, 189 ms."""
_LEAST_WORKERS: Final = 2
_REST: Final = 0.2
"""Seconds: of each thread that a flood of guesses may have, it has a fifth. At once, all that it may try
before it is refused took more than a second of one of two processors: one read in 50 of others' fell there.
"""


def usual_workers() -> int:
    """Half of the processors: the others answer requests."""
    return max(_LEAST_WORKERS, (os.cpu_count() or 1) // 2)


class Hasher:
    """Turns between organizations, of which none has all the threads; `close` when the process ends."""

    def __init__(self, *, workers: int | None = None, share: int = SHARE) -> None:
        workers = workers or usual_workers()
        self._threads = FairThreads(
            "hash", workers, most=max(1, workers - 1), share=share, begin=partial(_give_way, _NICE)
        )

    async def hash(self, tenant: UUID, password: str) -> str:
        """Of an accepted password. Raise `RateLimitedError` when too many of the organization's wait."""
        return await self._threads.run(tenant, partial(hash_password, password))

    async def verify(self, tenant: UUID, hashed: str | None, password: str) -> bool:
        """Like `hash`; as long for who has no password."""
        return await self._threads.run(tenant, partial(verify_password, hashed, password))

    async def verify_of_stranger(
        self, tenant: UUID, hashed: str | None, password: str, *, may_enter: bool
    ) -> bool:
        """Like `verify`, in a line apart, which rests behind whoever does not come in.

        `may_enter`: whether a right password lets in, and so may be seen from how long others wait.
        """

        def rest(done: Future[bool]) -> float:
            entered = may_enter and not done.cancelled() and not done.exception() and done.result()
            return 0.0 if entered else _REST

        return await self._threads.run(
            _strangers_of(tenant), partial(verify_password, hashed, password), rest
        )

    def require_room(self, tenant: UUID, *, for_stranger: bool) -> None:
        """Raise `RateLimitedError` when no more of the organization's, or of its strangers, may wait now."""
        self._threads.require_room(_strangers_of(tenant) if for_stranger else tenant)

    def close(self) -> None:
        self._threads.close()


def _strangers_of(tenant: UUID) -> tuple[UUID, str]:
    return tenant, "strangers"


def _give_way(nice: int) -> None:
    """To the thread that answers requests, where threads have a priority of their own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
