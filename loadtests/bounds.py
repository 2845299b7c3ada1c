"""What is asked of a run, figure by figure, and whether it was met."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

_TIMES_LOOSE: Final = 10
"""How much longer than asked anything may take before it is no matter of the machine."""


class Figure(msgspec.Struct, frozen=True):
    """`value` is to be `asked` or less; with `at_least` or more. `loose`: what only a broken server misses.

    What is not known (NaN) is not met, and no time that never came to an end (infinite). `unit`: how it is
    shown, `%` or the name of one.
    """

    what: str
    value: float
    asked: float
    loose: float
    unit: str = "ms"
    at_least: bool = False

    def meets(self, bound: float) -> bool:
        return self.value >= bound if self.at_least else self.value <= bound

    def shown(self, value: float) -> str:
        if not math.isfinite(value):
            return odd(value)
        return f"{value:.1%}" if self.unit == "%" else f"{value:,.2f} {self.unit}"


def odd(value: float) -> str:
    """How what is no number is shown: what never came (infinite), or is not known (NaN)."""
    return "never" if math.isinf(value) else "-"


def middle(values: Sequence[float]) -> float:
    """The median: not known (NaN) where one of them is not, or of nothing."""
    return statistics.median(values) if values and not any(map(math.isnan, values)) else math.nan


def no_longer(what: str, value: float, asked: float, unit: str = "ms") -> Figure:
    return Figure(what, value, asked, _TIMES_LOOSE * asked, unit)


def no_less(what: str, share: float, asked: float, loose: float) -> Figure:
    return Figure(what, share, asked, loose, "%", at_least=True)


def neighbour(factor: float, served: float, longer: float) -> list[Figure]:
    """`served`: the share in time. `longer`: its p99 less that of when it was alone, ms, NaN of nobody."""
    share, most = (0.999, 30.0) if factor <= 2 else (0.995, 100.0)
    name = f"neighbour beside {factor:g}x"
    return [
        no_less(f"{name}, served in time", served, share, loose=0.9),
        no_longer(f"{name}, p99 more than alone", longer, most),
    ]


def mass(name: str, factor: float, medians: "Medians") -> list[Figure]:
    """Less than twice the capacity need not turn anybody away.

    How quickly is held against those who were: that there were none is told by their share.
    """
    least = 0.95 if factor <= 2 else 0.75
    figures = [
        no_less(f"{name}, goodput", medians.goodput, least, loose=least / 2),
        Figure(f"{name}, normal after", medians.recovery, 2.0, medians.watched, "s"),
    ]
    if factor >= 2:
        # who turns nobody away has no gate
        figures.append(no_less(f"{name}, refused", medians.share_refused, 0.01, loose=0.01))
    if factor <= 2:
        figures.append(no_longer(f"{name}, served p99", medians.served, 250.0))
        if not math.isnan(medians.refused):
            figures.append(no_longer(f"{name}, refused p99", medians.refused, 100.0))
    return figures


class Medians(msgspec.Struct, frozen=True):
    """Of floods: shares, milliseconds, and seconds until times were normal, infinite where they never were.

    `refused`: of the floods in which somebody was, otherwise NaN. `watched`: seconds after each flood.
    """

    goodput: float
    share_refused: float
    served: float
    refused: float
    recovery: float
    watched: float


def tell(figures: Iterable[Figure], out: Console, *, strict: bool) -> list[str]:
    """Print each beside what is asked. Answers those that miss their bound, the loose one unless `strict`."""
    table, missed = Table("asked for", box=None), []
    for column in ("is", "asked", "met", "accepted"):
        table.add_column(column, justify="right")
    for each in figures:
        accepted = each.asked if strict else each.loose
        told = [each.shown(value) for value in (each.value, each.asked)]
        table.add_row(each.what, *told, "yes" if each.meets(each.asked) else "NO", each.shown(accepted))
        if not each.meets(accepted):
            missed.append(each.what)
    out.print(table)
    return missed
