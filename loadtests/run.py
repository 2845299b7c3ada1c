"""The scenarios against a server of this run's own: servers, tenants, `harka serve`, Locust, figures."""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import tenants
from memory import Memory, watching
from report import show, show_memory, show_rounds, show_steps
from rich.console import Console
from stage import LOOPBACK, Stage, free_port, stage
from statistics_file import Figures
from swarm import Swarm, SwarmError

from harka.cli.signals import interrupt_on_stop
from harka.errors import HarkaError

ROOT: Final = Path(__file__).resolve().parents[1]
_REPORT: Final = ROOT / "build" / "loadtest.html"
_STEP_USERS: Final = (10, 20, 40, 80, 160, 320)
"""Multiples of ten: the scenarios' weights are tenths, and every step has the same mix."""
_STEP_SECONDS: Final = 12.0
_SHORT_STEP_SECONDS: Final = 3.0
_ROUND_SECONDS: Final = 10.0
_SHOWN_FAILURES: Final = 20
_GAIN: Final = 1.05
_PATIENCE: Final = 2
"""Steps without a gain: one may be an accident."""
_SHORT_SECONDS: Final = 4.0
_SHORT_USERS: Final = 20
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
notes: Final = Console(stderr=True, highlight=False)


def main() -> int:
    options = _options()
    interrupt_on_stop()
    try:
        with _serving(options) as (swarm, memory):
            if options.peak:
                return _failures(_find_peak(options, swarm, memory))
            return _failures([_work(options, swarm, memory)])
    except (SwarmError, HarkaError) as error:
        notes.print(f"error: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _serving(options: argparse.Namespace) -> Iterator[tuple[Swarm, Memory]]:
    with stage() as staged:
        sizes = tenants.SHORT_SIZES if options.short else tenants.SIZES
        notes.print(
            f"making {len(sizes)} organizations of {sizes[0].users} to {max(s.users for s in sizes):,}"
        )
        file = tenants.load(staged, sizes)
        port = free_port()
        with (
            staged.serving(port, workers=options.workers) as server,
            watching(server.process.pid) as memory,
        ):
            yield _swarm(options, staged, file, port), memory


def _swarm(options: argparse.Namespace, staged: Stage, file: Path, port: int) -> Swarm:
    options.html.parent.mkdir(parents=True, exist_ok=True)
    return Swarm(
        host=f"http://{LOOPBACK}:{port}",
        tenants=file,
        directory=staged.directory,
        processes=options.generators,
        only=tuple(options.only),
    )


def _work(options: argparse.Namespace, swarm: Swarm, memory: Memory) -> Figures:
    """A number of callers, each at its pace."""
    notes.print(f"{options.users} callers, {options.pace:g} requests/s each, for {options.duration:g} s")
    figures = swarm.run(users=options.users, pace=options.pace, seconds=options.duration, html=options.html)
    show(out, figures)
    show_memory(out, memory)
    out.print(f"report: {options.html}")
    return figures


def _find_peak(options: argparse.Namespace, swarm: Swarm, memory: Memory) -> list[Figures]:
    """Twice the callers at each step, none of them pausing, until two in a row gain less than a twentieth.

    Who are so many that some are refused are beyond the peak.
    """
    seconds = _SHORT_STEP_SECONDS if options.short else _STEP_SECONDS
    steps: list[tuple[int, Figures]] = []
    in_vain = 0
    for users in _STEP_USERS:
        figures = swarm.run(users=users, pace=0.0, seconds=seconds)
        p99 = figures.total.percentile(0.99)
        notes.print(f"{users:>4} callers: {figures.rate:,.0f} requests/s, p99 {p99:,.0f} ms")
        gained = not steps or figures.rate > _GAIN * max(each.rate for _, each in steps)
        if steps and figures.failures == figures.refused > 0:
            notes.print(f"     {figures.refused:,} of them refused as too many", style="yellow")
            break
        steps.append((users, figures))
        in_vain = 0 if gained else in_vain + 1
        if in_vain == _PATIENCE or figures.failures:
            break
    show_steps(out, steps)
    show_memory(out, memory)
    done = [figures for _, figures in steps]
    if options.at is None or any(figures.failures for figures in done):
        return done
    # the fewest that reach it: more of them only wait longer
    enough = max(figures.rate for figures in done) / _GAIN
    users = next(users for users, figures in steps if figures.rate >= enough)
    return done + _below_peak(options, swarm, memory, users)


def _below_peak(options: argparse.Namespace, swarm: Swarm, memory: Memory, users: int) -> list[Figures]:
    """At a share of the peak, in rounds: a shared machine's peak of a minute ago may be none of now."""
    # so many callers that a slow answer keeps only few of them from asking in time
    paced = max(2 * users, 40)
    rounds: list[tuple[Figures, Figures]] = []
    for _ in range(max(round(options.duration / _ROUND_SECONDS), 1)):
        peak = swarm.run(users=users, pace=0.0, seconds=_ROUND_SECONDS / 2)
        pace = options.at * peak.rate / paced
        rounds.append((peak, swarm.run(users=paced, pace=pace, seconds=_ROUND_SECONDS, html=options.html)))
    out.print(f"\n{paced} callers at {options.at:.0%} of the peak of {users} just before:")
    show_rounds(out, rounds)
    show_memory(out, memory)
    return [figures for pair in rounds for figures in pair]


def _failures(runs: Sequence[Figures]) -> int:
    lines = [line for figures in runs for line in figures.errors]
    for line in lines[:_SHOWN_FAILURES]:
        notes.print(line, style="red", markup=False, soft_wrap=True)
    return 1 if any(figures.failures for figures in runs) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50, help="callers at the same time")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds")
    parser.add_argument("--pace", type=float, default=1.0, help="requests/s of each caller")
    parser.add_argument("--workers", type=int, default=1, help="processes of `harka serve`")
    parser.add_argument("--generators", type=int, default=1, help="processes of Locust")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=[], help="scenarios, as in Browse,Learn"
    )
    parser.add_argument("--html", type=Path, default=_REPORT, help="where the report goes")
    parser.add_argument("--peak", action="store_true", help="find the highest throughput, by steps")
    parser.add_argument("--at", type=float, help="after --peak: run at this share of it, as in 0.7")
    parser.add_argument("--short", action="store_true", help="small organizations, a few seconds: for CI")
    options = parser.parse_args()
    if options.at is not None and not options.peak:
        parser.error("--at needs --peak")
    if options.short:
        options.users, options.duration = _SHORT_USERS, _SHORT_SECONDS
    return options


if __name__ == "__main__":
    sys.exit(main())
