"""What this process used of months' pools, counted so that the ledger may be told any number of times."""

from collections.abc import Collection, Sequence

from harka.cache.pool_ledger import Ask


class MonthCount:
    """`drawn`: of this month and not given back, whoever granted it. `since`: the monotonic second it began.

    `told`: how much the ledger knows to be used; None while it is being told, or where its answer was lost.
    """

    __slots__ = ("drawn", "since", "told", "window")

    def __init__(self) -> None:
        self.window = ""
        self.since = self.drawn = 0.0
        self.told: float | None = 0.0

    def used(self, kept: float) -> float:
        """All but what is `kept`, idle or in use."""
        return self.drawn - kept


class MonthCounts:
    """Of one organization, by the names of the pools."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, MonthCount] = {}

    @property
    def is_owing(self) -> bool:
        """Of who keeps nothing: whether the ledger may not know all that was used."""
        return any(count.told != count.used(0.0) for count in self._counts.values())

    def at(self, pool: str, window: str, kept: float, now: float) -> MonthCount:
        """In another month it begins anew, with what is `kept` of the one before; so where all is told."""
        count = self._counts.setdefault(pool, MonthCount())
        if count.window != window or (not kept and count.told == count.drawn):
            count.window, count.since, count.drawn, count.told = window, now, kept, 0.0
        return count

    def keep(self, pools: Collection[str]) -> None:
        """The others have no limit any more."""
        self._counts = {pool: count for pool, count in self._counts.items() if pool in pools}

    def grant(self, pool: str, amount: float) -> None:
        count = self._counts.get(pool)
        if count is not None:
            count.drawn += amount

    def ask(self, asks: Sequence[Ask]) -> None:
        """The ledger is about to be told."""
        for ask in asks:
            if (count := self._counts.get(ask.pool)) is not None:
                count.told = None

    def answer(self, asks: Sequence[Ask]) -> None:
        """It has heard, or knows nothing of that month: whoever seeds it knows what was used."""
        for ask in asks:
            if (count := self._counts.get(ask.pool)) is not None:
                count.told = ask.used
