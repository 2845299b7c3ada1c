"""The ratios that the parts are held to, beside what was measured. Printed: no time ever fails anything."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

BUDGETS: Final = Path(__file__).resolve().parent / "budgets.toml"


class Bench(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`accepted`: what `slow` takes over what `fast` takes, in one group.

    `seconds`: the most for one of the `calls` that a round of `fast` makes.
    """

    group: str
    fast: str
    slow: str
    accepted: float
    reason: str
    seconds: float | None = None
    calls: int = 1


class Percentile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`seconds`: what 95 of 100 rounds of each kind in one group stay below."""

    group: str
    seconds: float
    reason: str


class Instructions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`most`: instructions of one call of a compiled function, as valgrind counts them; and allocations."""

    function: str
    most: int
    allocations: int
    reason: str


class Calls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`most`: calls of functions, Python's and others, for one request."""

    operation: str
    most: int
    reason: str


class Measured(msgspec.Struct, frozen=True):
    """`least`: seconds, of the round that was disturbed least. `all`: of each round."""

    group: str
    name: str
    least: float
    all: Sequence[float] = ()

    def percentile(self, hundredths: int) -> float:
        """The nearest rank: so many in a hundred took that long or less."""
        return sorted(self.all)[-(-len(self.all) * hundredths // 100) - 1]


def read_benches() -> list[Bench]:
    return msgspec.convert(_tables()["bench"], list[Bench])


def read_percentiles() -> list[Percentile]:
    return msgspec.convert(_tables()["percentile"], list[Percentile])


def read_instructions() -> list[Instructions]:
    return msgspec.convert(_tables()["instructions"], list[Instructions])


def read_calls() -> list[Calls]:
    return msgspec.convert(_tables()["calls"], list[Calls])


def show(measured: Sequence[Measured]) -> None:
    """The budgets of which both sides were measured."""
    table = Table(title="Against the budgets (slow : fast)", title_justify="left", box=None)
    for column in ("group", "slow : fast", "measured", "accepted", "takes", "at most"):
        table.add_column(column, justify="left" if column in {"group", "slow : fast"} else "right")
    for budget in read_benches():
        fast, slow = _least(measured, budget, budget.fast), _least(measured, budget, budget.slow)
        if fast is not None and slow is not None:
            table.add_row(*_row(budget, fast, slow))
    if table.row_count:
        Console(width=130).print("", table)


def show_percentiles(measured: Sequence[Measured]) -> None:
    """Every kind of the groups that a percentile is asked of."""
    table = Table(title="Percentiles, ms", title_justify="left", box=None)
    for column in ("group", "what", "rounds", "p50", "p95", "below", "p99"):
        table.add_column(column, justify="left" if column in {"group", "what"} else "right")
    for budget in read_percentiles():
        for each in measured:
            if each.group == budget.group:
                half, most, last = (each.percentile(share) for share in (50, 95, 99))
                mark = "✓" if most < budget.seconds else "✗"
                times = (f"{half * 1e3:.1f}", f"{most * 1e3:.1f} {mark}", f"{budget.seconds * 1e3:.0f}")
                shown = (each.group, escape(each.name), str(len(each.all)))
                table.add_row(*shown, *times, f"{last * 1e3:.1f}")
    if table.row_count:
        Console(width=130).print("", table)


def _row(budget: Bench, fast: float, slow: float) -> tuple[str, ...]:
    ratio, one = slow / fast, fast / budget.calls
    times = ("", "") if budget.seconds is None else (_time(one), _time(budget.seconds))
    mark = "✓" if ratio >= budget.accepted and one <= (budget.seconds or one) else "✗"
    sides = f"{budget.slow} : {budget.fast}"
    return budget.group, sides, f"{ratio:.1f} {mark}", f"{budget.accepted:.1f}", *times


def _time(seconds: float) -> str:
    if seconds < 1e-6:
        return f"{seconds * 1e9:.0f} ns"
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.0f} ms"


def _least(measured: Sequence[Measured], budget: Bench, side: str) -> float | None:
    named = re.compile(rf"[\[-]{re.escape(side)}[]-]")
    found = [each.least for each in measured if each.group == budget.group and named.search(each.name)]
    return found[0] if len(found) == 1 else None


def _tables() -> dict[str, Any]:
    return tomllib.loads(BUDGETS.read_text())
