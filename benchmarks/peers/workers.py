"""One process of `harka serve` and two, in turns, on the same data: what the second one adds.

Beside the requests a second stand the processors that the server had: where the database and `wrk` need the
same ones, a second process cannot double anything, and it is the requests of a processor's second that tell
whether processes get into each other's way.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).resolve().parents[2] / "loadtests"))

import measure
import msgspec
from alone import Alone, measured
from generator import processor_time
from peers import Peer
from rich.console import Console
from rich.table import Table

_COUNTS: Final = (1, 2)
_CONNECTIONS: Final = 32
_FEW: Final = 6
"""Of what takes the process milliseconds: with more it would refuse some, which nobody is to count."""
_WARM_UP: Final = 2.0
_NO_DATA: Final = "no data"
_NAMES: Final = "names of types"
"""Work of the process alone, milliseconds of it: neither the database nor `wrk` has anything to do for it."""
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


class Cell(msgspec.Struct, frozen=True):
    """`processors`: seconds of processor time that the server took, a second."""

    rate: float
    processors: float


def main() -> int:
    options = _options()
    return measured(lambda alone: show(_measured(alone, options)))


def _measured(alone: Alone, options: argparse.Namespace) -> Mapping[tuple[str, int], Sequence[Cell]]:
    ours = {_NO_DATA: "{ __typename }", _NAMES: "{ __schema { types { name } } }"}
    questions = {**{name: [json.dumps({"query": text})] for name, text in ours.items()}, **alone.questions}
    cells: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as directory:
        running = {count: stack.enter_context(alone.serving(workers=count)) for count in _COUNTS}
        for count, name in _turns(options.rounds, questions):
            connections = _FEW if name == _NAMES else _CONNECTIONS
            cell = _load(running[count], questions[name], Path(directory), options.seconds, connections)
            cells[name, count].append(cell)
    return cells


def _turns(rounds: int, questions: Mapping[str, object]) -> Iterator[tuple[int, str]]:
    for turn in range(rounds):
        for name in questions:
            yield from ((count, name) for count in (_COUNTS if turn % 2 == 0 else _COUNTS[::-1]))


def _load(peer: Peer, bodies: Sequence[str], directory: Path, seconds: float, connections: int) -> Cell:
    measure.load(peer, bodies, directory, seconds=_WARM_UP, connections=connections)
    before, began = processor_time(peer.pid), time.perf_counter()
    cell = measure.load(peer, bodies, directory, seconds=seconds, connections=connections)
    return Cell(cell.rate, (processor_time(peer.pid) - before) / (time.perf_counter() - began))


def show(cells: Mapping[tuple[str, int], Sequence[Cell]]) -> None:
    """Medians over the rounds."""
    table = Table(title="A second process of the server", title_justify="left", box=None)
    table.add_column("")
    for column in ("one /s", "two /s", "ratio", "processors: one", "two", "/s of a processor: ratio"):
        table.add_column(column, justify="right")
    for name in dict.fromkeys(name for name, _ in cells):
        one, two = (_middle(cells[name, count]) for count in _COUNTS)
        table.add_row(
            *(name, f"{one.rate:,.0f}", f"{two.rate:,.0f}", f"{two.rate / one.rate:.2f}"),
            *(f"{one.processors:.2f}", f"{two.processors:.2f}"),
            f"{two.rate / two.processors / (one.rate / one.processors):.2f}",
        )
    out.print(table)


def _middle(cells: Sequence[Cell]) -> Cell:
    return Cell(
        statistics.median(cell.rate for cell in cells), statistics.median(cell.processors for cell in cells)
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each cell")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
