"""The figures of a run, for people."""

from collections.abc import Sequence
from typing import Final

from memory import Memory
from rich.console import Console
from rich.table import Table
from statistics_file import Figures, Line

_SHARES: Final = (0.50, 0.90, 0.95, 0.99)
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


def show_memory(console: Console, memory: Memory) -> None:
    end = memory.read()
    shown = (f"{value / _MEBI:,.0f} MiB" for value in (memory.start, end, memory.highest))
    console.print("memory of the server: {} at the start, {} at the end, {} at most".format(*shown))


def _add(table: Table, line: Line, seconds: float) -> None:
    table.add_row(
        *(line.name, f"{line.requests:,}", f"{line.failures:,}", f"{line.requests / seconds:,.1f}"),
        *(f"{line.percentile(share):,.0f}" for share in _SHARES),
        f"{line.longest:,.0f}",
    )
