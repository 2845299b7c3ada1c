"""Where passwords are hashed: few at a time, and never one organization's before all others'.

A hash takes tens of milliseconds of a processor and 19 MiB.
"""

import contextlib
import os
import threading
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

    def require_room(self, tenant: UUID) -> None:
        """Raise `RateLimitedError` when no more of the organization's may wait now."""
        self._threads.require_room(tenant)

    def close(self) -> None:
        self._threads.close()


def _give_way(nice: int) -> None:
    """To the thread that answers requests, where threads have a priority of their own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
