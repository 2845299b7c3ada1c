"""Where the time of a request goes: HARKA alone under `wrk`, by what the processors were in meanwhile.

Of the serving process `perf` tells which parts were seen at work; beside them stands PostgreSQL's time.
"""

import argparse
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).resolve().parents[2] / "loadtests"))

import measure
import msgspec
import psutil
from alone import Alone, measured
from generator import processor_time
from measure import FailedError
from peers import Peer
from rich.console import Console
from rich.table import Table

from node import MissingError

_CONNECTIONS: Final = 16
_WARM_UP: Final = 2.0
_FREQUENCY: Final = 499
"""Samples a second: no whole fraction of what timers go by."""
_LINE: Final = re.compile(r"^\s+([0-9.]+)%\s+(\S+)", re.MULTILINE)
_PARTS: Final = (
    ("the system", re.compile(r"\[kernel|\[vdso\]|\[unknown\]")),
    ("HARKA, compiled", re.compile(r"^_(executor|fastpath|pipeline|rows)\.")),
    ("Python", re.compile(r"^(lib)?python3|^_(asyncio|struct|bisect|heapq|datetime)\.|^(math|array)\.")),
)
"""By the file that a sample was in; the rest are libraries."""
_REST: Final = "libraries"
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


class Spent(msgspec.Struct, frozen=True):
    """Of one question. `server`, `database`: seconds of a processor a request; `shares` of the former."""

    server: float
    database: float
    shares: Mapping[str, float]


def main() -> int:
    options = _options()
    return measured(lambda alone: show(_measured(alone, options.seconds)))


def _measured(alone: Alone, seconds: float) -> Mapping[str, Spent]:
    if shutil.which("perf") is None:
        raise MissingError("`perf` is not installed: Debian package `linux-perf`")
    with alone.serving() as peer, tempfile.TemporaryDirectory() as directory:
        return {
            name: _spent(peer, bodies, Path(directory), seconds) for name, bodies in alone.questions.items()
        }


def _spent(peer: Peer, bodies: Sequence[str], directory: Path, seconds: float) -> Spent:
    seen = directory / "perf.data"
    with _watched(peer.pid, seen):
        measure.load(peer, bodies, directory, seconds=_WARM_UP, connections=_CONNECTIONS)
        server, database = processor_time(peer.pid), _database_time()
        cell = measure.load(peer, bodies, directory, seconds=seconds, connections=_CONNECTIONS)
        server, database = processor_time(peer.pid) - server, _database_time() - database
    return Spent(server / cell.requests, database / cell.requests, _shares(seen))


@contextlib.contextmanager
def _watched(pid: int, seen: Path) -> Iterator[None]:
    """By the clock: a virtual machine may count no cycles. `perf` begins within the warming up."""
    how = ("-q", "-e", "cpu-clock", "-F", str(_FREQUENCY))
    command = ("perf", "record", *how, "-p", str(pid), "-o", str(seen))
    watching = subprocess.Popen(command)  # noqa: S603 - our own arguments
    try:
        yield
    finally:
        watching.terminate()
        watching.wait()


def _shares(seen: Path) -> Mapping[str, float]:
    """By part. Raise `FailedError` when nothing was seen."""
    command = ["perf", "report", "--stdio", "-q", "--sort", "dso", "-i", str(seen)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - likewise
    shares: Counter[str] = Counter()
    for share, file in _LINE.findall(told):
        part = next((name for name, pattern in _PARTS if pattern.search(file)), _REST)
        shares[part] += float(share) / 100.0
    if not shares:
        raise FailedError("`perf` saw nothing: may this user look at processes? (kernel.perf_event_paranoid)")
    return shares


def _database_time() -> float:
    """Seconds of a processor, of all of PostgreSQL that this process started."""
    total = 0.0
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.name() == "postgres":
                total += sum(each.cpu_times()[:2])
    return total


def show(spent: Mapping[str, Spent]) -> None:
    parts = [*(name for name, _ in _PARTS), _REST]
    table = Table(title="Where the time of a request goes", title_justify="left", box=None)
    for column in ("", "server us", "PostgreSQL us", *parts):
        table.add_column(column, justify="right" if column else "left")
    for name, each in spent.items():
        times = (f"{1e6 * each.server:,.0f}", f"{1e6 * each.database:,.0f}")
        table.add_row(name, *times, *(f"{each.shares.get(part, 0.0):.0%}" for part in parts))
    out.print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each question")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
