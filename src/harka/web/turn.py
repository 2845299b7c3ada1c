"""A request that waits for its place with its bytes alone, before anything is made of it.

A task with all its frames, a scope and a record are some kilobytes; two hundred that wait push one another
out of the processor's caches, and each costs a turn of the event loop that only lines it up (0031).
"""

from collections.abc import Callable
from typing import Final

from harka import clock
from harka.errors import HarkaError, OverloadedError
from harka.repositories.organization import Organization
from harka.tenancy.gate import Gate
from harka.tenancy.line import Flow, Rank

TURN: Final = "harka.turn"
"""In the scope of a request that has waited at its protocol, or had a place there."""


class Turn:
    """To a gate, one who waits. `since`: monotonic seconds when it came; `error`: why it has no place."""

    __slots__ = (
        "_began",
        "_begin",
        "_flow",
        "_gate",
        "_has_place",
        "_rank",
        "_was_in_line",
        "error",
        "since",
    )

    def __init__(self, gate: Gate, flow: Flow, rank: Rank, begin: Callable[["Turn"], None]) -> None:
        """`begin`: called once what comes of the wait is known; not where `enter` has a place at once.

        That is in the midst of another's request: it never raises.
        """
        self._gate, self._flow, self._rank, self._begin = gate, flow, rank, begin
        self._has_place = self._was_in_line = False
        self.since = self._began = clock.monotonic()
        self.error: HarkaError | None = None

    def enter(self, within: float) -> bool:
        """Take a place or get in line, for at most so many seconds. Whether there was a place.

        Raise `OverloadedError` when the line is too long.
        """
        self._has_place = self._gate.enter(self._flow)
        if not self._has_place:
            self._was_in_line = True
            self._gate.line_up(self, self._flow, self._rank, self.since + within)
        return self._has_place

    def withdraw(self) -> None:
        """Its client does not wait any more."""
        self._gate.withdraw(self)

    def place_of(self, organization: Organization) -> tuple[Flow, float] | None:
        """Its place, and since when, if this is whose request it is: it is the caller's to give back."""
        if self._flow.organization.id != organization.id:
            self.end()
        if not self._has_place:
            return None
        self._has_place = False
        return self._flow, self._began

    def raise_error(self) -> None:
        """Raise why it has no place, if it has none, once."""
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                # its traceback leads here, and a circle stays until the collector comes
                del error

    def forgo(self) -> None:
        """Give the place back to ask for another one. Raise `OverloadedError` where nobody more may wait."""
        self.end()
        if not self._gate.has_room(self._flow, self._rank):
            raise OverloadedError

    def end(self) -> None:
        """Give back a place that nobody has taken over."""
        if self._has_place:
            self._has_place = False
            self._gate.give_back(self._flow, self._began, was_in_line=self._was_in_line)

    def done(self) -> bool:
        """Never, while it is in line: who leaves is taken out at once."""
        return False

    def set_result(self, began: float, /) -> None:
        self._has_place, self._began = True, began
        self._begin(self)

    def set_exception(self, error: HarkaError, /) -> None:
        self.error = error
        self._begin(self)
