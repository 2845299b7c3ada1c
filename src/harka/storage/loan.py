"""A connection that is borrowed until a deadline, for a transaction.

Invariant: whoever is cancelled, times out or fails, wherever, the connection ends up idle in its pool, or
closed. Every step that can be interrupted hands a doubtful connection to `Database.recycle`, which is
synchronous; there is no await between the trouble and the hand-over.
"""

import warnings
from collections.abc import Awaitable
from typing import Final, TypeVar

from harka.errors import DeadlineExceededError, HarkaError, InternalError, UnavailableError
from harka.storage.databases import Database
from harka.storage.failure import is_clean, translated
from harka.storage.wire import Wire

T = TypeVar("T")

SERVER_FIRST: Final = 0.25
"""Seconds: the server's statement_timeout should speak first, its refusal leaves the connection clean."""
_LONGEST_TIMEOUT: Final = 2**31 - 1  # milliseconds, PostgreSQL's own limit


class Loan:
    """What a transaction is built on: it takes a connection with its first step, once."""

    def __init__(self, database: Database, tenant: bytes, shard: str, *, timeout: float) -> None:
        """`tenant`, `shard`: whose shares of the connections it counts to; empty for the catalog's.

        `timeout`: seconds from now, for everything together.
        """
        self._database = database
        self._tenant, self._shard = tenant, shard
        self._loop = loop = database.loop
        self._deadline = loop.time() + timeout
        self._wire: Wire | None = None
        self._failed = False
        self._closed = False
        self._lost: type[HarkaError] | None = None

    @property
    def holds_connection(self) -> bool:
        return self._wire is not None

    def __del__(self) -> None:
        # a caller's bug must not take a connection out of the pool, and hold locks, for ever
        if self._wire is not None:
            self._abandon()
            warnings.warn(
                "a transaction was neither committed nor rolled back", ResourceWarning, stacklevel=1
            )

    async def _take(self) -> Wire:
        if self._closed:
            raise self._lost or InternalError
        self._left()
        self._wire = await self._database.acquire(self._deadline, self._tenant, self._shard)
        return self._wire

    def _reopen(self) -> None:
        """Go on, on another connection if this one is lost."""
        if self._wire is None and self._lost is not None:
            self._closed, self._lost = False, None

    async def _attempt(self, wire: Wire, awaitable: Awaitable[T]) -> T:
        wire.sent_at = self._loop.time()
        try:
            answer = await awaitable
        except HarkaError:
            raise
        except Exception as error:
            failure = translated(error)
            self._failed = True
            if not is_clean(error) or isinstance(failure, DeadlineExceededError):
                self._abandon(type(failure))
            else:
                wire.heard(self._loop.time())
            raise failure from error
        except BaseException:
            self._abandon()
            raise
        wire.heard(self._loop.time())
        return answer

    def _abandon(self, lost_to: type[HarkaError] = UnavailableError) -> None:
        self._closed = True
        wire, self._wire = self._wire, None
        if wire is None:
            return
        self._lost = lost_to
        self._database.recycle(wire)

    def _milliseconds(self) -> int:
        """The statement timeout: what is left until the deadline."""
        return min(max(1, int(self._left(grace=0) * 1000)), _LONGEST_TIMEOUT)

    def _left(self, grace: float = SERVER_FIRST) -> float:
        """Seconds until the deadline, plus `grace`. Raise `DeadlineExceededError` when it has passed."""
        left = self._deadline - self._loop.time()
        if left <= 0:
            raise DeadlineExceededError
        return left + grace
