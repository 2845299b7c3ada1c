"""`open_loop.py` in processes of its own: several streams that begin at one moment, and what came of them."""

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Container, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
import psutil
from open_loop import Phase, Plan, Result

_PROGRAM: Final = Path(__file__).with_name("open_loop.py")
_HEAD_START: Final = 1.5
"""Seconds for the processes to start."""
_MARGIN: Final = 60.0
_LOOK: Final = 0.4
"""Seconds between two looks at how much everybody has worked: each takes 15 ms of a processor itself."""
_EXPECTED: Final = (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE)
IN_TIME: Final = 1.0
"""Seconds: an answer that comes later helps nobody."""


class Stream(msgspec.Struct, frozen=True):
    """`requests`: as bytes go over the wire. `connections`: at most, more than any phase has callers.

    `port`: of another server than that of the rest. `by_turns`: see `open_loop.Plan`.
    """

    requests: list[bytes]
    phases: list[Phase]
    connections: int = 400
    port: int = 0
    by_turns: bool = False


class Work(msgspec.Struct, frozen=True):
    """`seconds` of a processor that everything but the generators had taken, `at` seconds from the start."""

    at: float
    seconds: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of a stream: for each request when it was due, how long it took, and the status.

    `work`: of all that this process started, in the order of time, through the whole run.
    """

    rows: list[tuple[float, float, int]]
    late: float
    work: list[Work]

    def between(self, start: float, end: float) -> "Outcome":
        """Of what was due in these seconds."""
        work = [each for each in self.work if start <= each.at < end]
        return Outcome([row for row in self.rows if start <= row[0] < end], self.late, work)

    @property
    def served(self) -> list[float]:
        """How long each answer took, in seconds."""
        return [took for _, took, status in self.rows if status == HTTPStatus.OK]

    @property
    def refused(self) -> list[float]:
        return [took for _, took, status in self.rows if status == HTTPStatus.SERVICE_UNAVAILABLE]

    @property
    def failed(self) -> Counter[int]:
        """Requests that were neither served nor refused, by status; 0 for those that were never answered."""
        return Counter(status for _, _, status in self.rows if status not in _EXPECTED)

    @property
    def in_time(self) -> int:
        return sum(took <= IN_TIME for took in self.served)

    @property
    def share_in_time(self) -> float:
        return self.in_time / max(len(self.rows), 1)


def percentile(times: Sequence[float], share: float) -> float:
    """In seconds; NaN of nothing, which is neither more nor less than any bound."""
    ordered = sorted(times)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else math.nan


def run(
    directory: Path,
    port: int,
    streams: Sequence[Stream],
    *,
    is_watched: bool = True,
    processors: Collection[int] = (),
) -> list[Outcome]:
    """All at once, one process each. `is_watched`: tell the work, too, which itself takes some.

    `processors`: the numbers of those that the generators may use, none for all.
    Raise `CalledProcessError` or `TimeoutExpired` when one goes wrong.
    """
    start = time.time() + _HEAD_START
    started = []
    for number, stream in enumerate(streams):
        plan, result = directory / f"plan-{number}.json", directory / f"result-{number}.json"
        texts = [request.decode("latin-1") for request in stream.requests]
        whole = Plan(
            port=stream.port or port,
            requests=texts,
            phases=stream.phases,
            connections=stream.connections,
            start=start,
            processors=sorted(processors),
            by_turns=stream.by_turns,
        )
        plan.write_bytes(msgspec.json.encode(whole))
        command = [sys.executable, str(_PROGRAM), str(plan), str(result)]
        started.append((subprocess.Popen(command), result, stream))  # noqa: S603 - our own arguments
    generators = {process.pid for process, _, _ in started}
    with _watching(generators, start) if is_watched else contextlib.nullcontext([]) as work:
        return [_finish(process, result, stream, work) for process, result, stream in started]


@contextlib.contextmanager
def _watching(generators: set[int], start: float) -> Iterator[list[Work]]:
    """What everything that this process started has worked, but for the generators, filled meanwhile."""
    work: list[Work] = []
    ended, own = threading.Event(), os.getpid()

    def watch() -> None:
        while not ended.wait(_LOOK):
            work.append(Work(time.time() - start, processor_time(own, {own, *generators})))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield work
    finally:
        ended.set()
        thread.join()


def processor_time(pid: int, apart: Container[int] = ()) -> float:
    """Seconds, of a process and all that it started, but for the processes `apart`."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += 0.0 if each.pid in apart else times.user + times.system
    return total


def _finish(process: "subprocess.Popen[bytes]", result: Path, stream: Stream, work: list[Work]) -> Outcome:
    code = process.wait(sum(phase.seconds for phase in stream.phases) + _MARGIN)
    if code:
        raise subprocess.CalledProcessError(code, process.args)
    read = msgspec.json.decode(result.read_bytes(), type=Result)
    return Outcome(list(zip(read.due, read.took, read.status, strict=True)), read.late, work)
