"""The figures of a run, for people."""

import statistics
from collections.abc import Sequence
from typing import Final

from memory import Memory
from rich.console import Console
from rich.table import Table
from statistics_file import Figures, Line

_SHARES: Final = (0.50, 0.90, 0.95, 0.99)
_POINTS: Final = 12
_MEBI: Final = 1024**2


def show(console: Console, figures: Figures) -> None:
    table = Table(box=None)
    table.add_column("")
    for column in (
        "requests",
        "failed",
        "requests/s",
        *(f"p{share * 100:.0f} ms" for share in _SHARES),
        "max ms",
    ):
        table.add_column(column, justify="right")
    for line in figures.lines:
        _add(table, line, figures.seconds)
    table.add_section()
    _add(table, figures.total, figures.seconds)
    console.print(table)


def show_steps(console: Console, steps: Sequence[tuple[int, Figures]]) -> None:
    table = Table(box=None)
    for column in ("callers", "requests/s", "failed", *(f"p{share * 100:.0f} ms" for share in _SHARES)):
        table.add_column(column, justify="right")
    for users, figures in steps:
        table.add_row(
            *(str(users), f"{figures.rate:,.0f}", str(figures.failures)),
            *(f"{figures.total.percentile(share):,.0f}" for share in _SHARES),
        )
    console.print(table)
    console.print(f"peak: {max(figures.rate for _, figures in steps):,.0f} requests/s")


def show_rounds(console: Console, rounds: Sequence[tuple[Figures, Figures]]) -> None:
    """Of each the peak, and what was measured below it."""
    table = Table(box=None)
    for column in (
        "round",
        "peak/s",
        "requests/s",
        "failed",
        *(f"p{share * 100:.0f} ms" for share in _SHARES),
    ):
        table.add_column(column, justify="right")
    for number, (peak, below) in enumerate(rounds, start=1):
        table.add_row(
            *(str(number), f"{peak.rate:,.0f}", f"{below.rate:,.0f}", str(below.failures)),
            *(f"{below.total.percentile(share):,.0f}" for share in _SHARES),
        )
    medians = (statistics.median(below.total.percentile(share) for _, below in rounds) for share in _SHARES)
    worst = (max(below.total.percentile(share) for _, below in rounds) for share in _SHARES)
    table.add_section()
    table.add_row("median", "", "", "", *(f"{median:,.0f}" for median in medians))
    table.add_row("worst", "", "", "", *(f"{most:,.0f}" for most in worst))
    console.print(table)


def show_memory(console: Console, memory: Memory) -> None:
    end = memory.read()
    shown = (f"{value / _MEBI:,.0f} MiB" for value in (memory.start, end, memory.highest))
    console.print("memory of the server: {} at the start, {} at the end, {} at most".format(*shown))
    series = " ".join(f"{value / _MEBI:,.0f}" for value in memory.over_time(_POINTS))
    console.print(f"the most in each {_POINTS}th of the time, MiB: {series}")


def _add(table: Table, line: Line, seconds: float) -> None:
    table.add_row(
        *(line.name, f"{line.requests:,}", f"{line.failures:,}", f"{line.requests / seconds:,.1f}"),
        *(f"{line.percentile(share):,.0f}" for share in _SHARES),
        f"{line.longest:,.0f}",
    )
