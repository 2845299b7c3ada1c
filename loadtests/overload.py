"""What is asked for beyond capacity: a noisy neighbour, and a mass of clients. Open loop, figures as ratios.

`python loadtests/overload.py`: servers of the run's own, one `harka serve`. The capacity is measured first,
by as many callers as keep the server busy; every rate below is a multiple of it. Each flood of all comes
between two halves of a measurement of the peak, and of the peak while as much more is sent to a bare server
beside HARKA's, by a generator of its own: a machine that others share is not the same for a minute, and what
it loses or wins in the time of a round falls on all three. Goodput is what came in time, as a share of the
peak, and "to elsewhere" as a share of the latter: 100 % where refusing takes no more than to answer anything
with the same bytes. On a machine whose processors the generators share with the server the figures are worse
than they would be: `--apart` gives them one of their own. The connections of a flood push each other out of
the processor's caches, whatever is asked on them, while the peak's few callers keep a few of them warm: with
`--by-turns` all are open at the peak, too, and used in turn. "Work kept" says what is lost in HARKA itself:
it is the processor time of an answer in time at the peak, to that in the flood. What refusals take is in it,
what generators and other programs take is not.

It ends with 1 where anything failed, a place was not given back, nobody was served at the peak, or a figure
misses its bound (`bounds.py`): with `--strict` the one that is asked for, otherwise a loose one.
"""

import argparse
import asyncio
import math
import os
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import bounds
import msgspec
from bounds import Figure, Medians, middle
from elsewhere import elsewhere
from generator import IN_TIME, Outcome, Stream, percentile, run
from open_loop import Phase
from population import Population, fill, found, make_key, settle
from rich.console import Console
from rich.table import Table
from stage import LOOPBACK, Stage, free_port, stage

from harka.cli.signals import interrupt_on_stop
from harka.opening import open_runtime
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan

_QUESTION: Final = """query People { users(first: %d) { nodes { id name email role
  enrollments(first: %d) { nodes { id status progress } } } } }"""
_SHORT: Final = "20 people"
_QUESTIONS: Final = {_SHORT: _QUESTION % (20, 5), "50 people": _QUESTION % (50, 10)}
"""What no cache answers: the server that is asked for too much is PostgreSQL, too.

Refusing takes the same beside both, so that it takes a smaller share of what the longer one does.
"""
_SIZE: Final = Population(users=50, courses=60, enrollments=100)
_QUIET_SHARE: Final = 0.05
_SETTLED: Final = 2.0
"""How much longer than before a flood answers may take and count as normal again."""
_WINDOW: Final = 0.25
_WATCHED: Final = 4.0
"""Seconds after a flood, at least: longer than may pass until times are normal again."""
_CALLERS: Final = 16
"""As many as get about the most, where it is measured again and again."""
_UNDER_WAY: Final = re.compile(rb'gate\{state="(under_way|waiting)"\} (\S+)')
_LEAK_SECONDS: Final = 15.0
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


class Ground(msgspec.Struct, frozen=True):
    """`requests`: of each tenant one, as it goes over the wire, by its question.

    `elsewhere`: the port of the server that is not HARKA. `generators`: the processors that only they use.
    `by_turns`: how everybody's connections are used.
    """

    directory: Path
    port: int
    metrics_port: int
    elsewhere: int
    generators: set[int]
    by_turns: bool
    requests: dict[str, dict[str, bytes]]


def main() -> int:
    options = _options()
    interrupt_on_stop()
    generators = _set_apart() if options.apart else set[int]()
    with stage() as staged:
        metrics_port = free_port()
        settings = msgspec.structs.replace(staged.settings, metrics_port=metrics_port)
        requests = asyncio.run(_tenants(staged))
        port = free_port()
        with Stage(settings, staged.admin_url, staged.directory).serving(port), elsewhere() as other:
            ground = Ground(
                directory=staged.directory,
                port=port,
                metrics_port=metrics_port,
                elsewhere=other,
                generators=generators,
                by_turns=options.by_turns,
                requests=requests,
            )
            return _measure(ground, options)


def _set_apart() -> set[int]:
    """Leave the last processor to the generators: this process and its servers use the others."""
    *own, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, own)
    return {last}


def _run(ground: Ground, streams: Sequence[Stream]) -> list[Outcome]:
    alike = [msgspec.structs.replace(stream, by_turns=ground.by_turns) for stream in streams]
    return run(ground.directory, ground.port, alike, processors=ground.generators)


def _measure(ground: Ground, options: argparse.Namespace) -> int:
    seconds, requests = options.seconds, list(ground.requests[_SHORT].values())
    _run(ground, [Stream(requests, [Phase(seconds / 2, callers=_CALLERS)])])
    peaks = [_peak(ground, _SHORT, seconds, callers) for callers in (8, 16, 32)]
    peak = max(peaks, key=lambda each: each.rate)
    out.print(
        f"capacity: {peak.rate:,.0f} requests/s of {_SHORT} each, "
        f"{1000 * peak.work:.2f} ms of a processor each\n"
    )
    failed = sum((each.failed for each in peaks), Counter[int]())
    figures: list[Figure] = []
    failed += _neighbours(ground, seconds, peak.rate, options.times, figures)
    failed += _masses(ground, seconds, options.times, options.rounds, figures)
    leaked = _held(ground)
    missed = bounds.tell(figures, out, strict=options.strict)
    if failed or leaked:
        out.print(f"failed, by status: {dict(failed)}; {leaked} places not given back", style="red")
    if missed:
        out.print(f"missed: {'; '.join(missed)}", style="red")
    return 1 if failed or leaked or missed else 0


class Peak(msgspec.Struct, frozen=True):
    """`rate`: answers in time a second, the most there are. `work`: seconds of a processor for each."""

    rate: float
    work: float
    failed: Counter[int]


def _peak(ground: Ground, question: str, seconds: float, callers: int) -> Peak:
    """Raise `SystemExit` like `_capacity`."""
    requests = list(ground.requests[question].values())
    (outcome,) = _run(ground, [Stream(requests, [Phase(seconds, callers=callers)])])
    return _capacity(outcome, seconds)


def _capacity(outcome: Outcome, seconds: float) -> Peak:
    """Raise `SystemExit` when nobody is served: of that no multiple can be asked for."""
    if not outcome.in_time:
        statuses = dict(Counter(status for _, _, status in outcome.rows))
        sys.exit(f"no capacity: nobody is served in time; requests by status: {statuses}")
    return Peak(outcome.in_time / seconds, _work(outcome.between(0.0, seconds), seconds), outcome.failed)


def _work(outcome: Outcome, seconds: float) -> float:
    """Seconds of a processor for an answer in time, whatever else was done; not known of a moment."""
    if len(outcome.work) < 2:
        return math.nan
    first, last = outcome.work[0], outcome.work[-1]
    share = (last.at - first.at) / seconds
    return (last.seconds - first.seconds) / max(share * outcome.in_time, 1)


def _neighbours(
    ground: Ground, seconds: float, peak: float, times: list[float], figures: list[Figure]
) -> Counter[int]:
    """One organization asks for a twentieth of the capacity, another for far too much. Adds to `figures`."""
    table = _table("noisy neighbour", "served in time", "p50 ms", "p99 ms", "beside alone ms", "neighbour/s")
    requests = ground.requests[_SHORT]
    quiet = Stream([requests["quiet"]], [Phase(seconds, _QUIET_SHARE * peak)])
    (alone,) = _run(ground, [quiet])
    failed = alone.failed
    table.add_row("alone", *_shown(alone), "", "")
    for factor in times:
        flood = Stream([requests["noisy"]], [Phase(seconds, factor * peak)])
        beside, noisy = _run(ground, [quiet, flood])
        more = percentile(beside.served, 0.99) - percentile(alone.served, 0.99)
        served = len(noisy.served) / seconds
        table.add_row(f"beside {factor:g}x", *_shown(beside), f"{1000 * more:+,.0f}", f"{served:,.0f}")
        failed += beside.failed + noisy.failed
        figures += bounds.neighbour(factor, beside.share_in_time, 1000 * more)
    out.print(table)
    return failed


class Flood(msgspec.Struct, frozen=True):
    """What came of one, times in milliseconds. `recovery`: seconds, infinite where it never came.

    `peak`: answers a second. `goodput`, `to_elsewhere`: shares of it, and of that while the rest is sent
    elsewhere. Not known (NaN) is a share of nothing, or how long those took whom there were none of.
    """

    peak: float
    goodput: float
    to_elsewhere: float
    kept: float
    served: float
    share_refused: float
    refused: float
    recovery: float
    late: float
    failed: Counter[int]


def _masses(
    ground: Ground, seconds: float, times: list[float], rounds: int, figures: list[Figure]
) -> Counter[int]:
    """Of each question far too much of everybody, again and again. Adds to `figures`.

    Of each phase the first quarter of a second counts for times, but neither for rates nor for work.
    """
    columns = "goodput to peak", "to elsewhere", "work kept", "served p99 ms", "refused", "refused p99 ms"
    table = _table("overload, medians", *columns, "normal after s", "generator late ms")
    failed: Counter[int] = Counter()
    for question in ground.requests:
        first = _peak(ground, question, seconds, _CALLERS)
        failed, peak = failed + first.failed, first.rate
        for factor in times:
            floods = list(_floods(ground, question, seconds, factor, peak, rounds))
            failed, peak = sum((each.failed for each in floods), failed), floods[-1].peak or peak
            name, middles = f"{question} {factor:g}x", _middles(floods, seconds)
            table.add_row(name, *_medians(floods, middles))
            if factor:
                figures += bounds.mass(name, factor, middles)
    out.print(table)
    return failed


def _floods(
    ground: Ground, question: str, seconds: float, factor: float, peak: float, rounds: int
) -> Iterator[Flood]:
    """`peak`: as it was just now."""
    for _ in range(rounds):
        flood = _flood(ground, question, seconds, factor, peak)
        yield flood
        peak = flood.peak or peak


def _flood(ground: Ground, question: str, seconds: float, factor: float, peak: float) -> Flood:
    """Half the capacity, far too much, half again; around it both peaks. A `factor` of 0 is a peak, too."""
    calm, requests = _calm(seconds), list(ground.requests[question].values())
    asking, half = Phase(seconds / 2, callers=_CALLERS), peak / 2
    slow, long = Phase(calm, half), Phase(_watched(seconds), half)
    much = Phase(seconds, factor * peak) if factor else Phase(seconds, callers=_CALLERS)
    phases = [asking, asking, slow, much, long, asking, asking]
    more = Phase(seconds / 2, max(factor - 1, 0.0) * peak)
    apart = Phase(sum(phase.seconds for phase in phases[1:-1]))
    streams = [Stream(requests, phases), Stream(requests, [more, apart, more], port=ground.elsewhere)]
    outcome, other = _run(ground, streams)
    parts = list(_parts(outcome, phases))
    busy, alone = (parts[0], parts[6]), (parts[1], parts[5])
    before, flood = parts[2].outcome, parts[3]
    peaks = [sum(each.rate for each in both) / 2 for both in (alone, busy)]
    return Flood(
        peak=peaks[0],
        goodput=_ratio(flood.rate, peaks[0]),
        to_elsewhere=_ratio(flood.rate, peaks[1]),
        kept=_ratio(sum(each.work for each in alone) / 2, flood.work),
        served=1000 * percentile(flood.outcome.served, 0.99),
        share_refused=len(flood.outcome.refused) / max(len(flood.outcome.rows), 1),
        refused=1000 * percentile(flood.outcome.refused, 0.99),
        recovery=_recovery(outcome, before, flood.ends, flood.ends + long.seconds),
        late=1000 * max(outcome.late, other.late),
        failed=outcome.failed + other.failed,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


class Part(msgspec.Struct, frozen=True):
    """What came of a phase. `rate`: answers in time a second, and `work` (`_work`): but for its beginning."""

    outcome: Outcome
    rate: float
    work: float
    ends: float


def _parts(outcome: Outcome, phases: Sequence[Phase]) -> Iterator[Part]:
    begins = 0.0
    for phase in phases:
        ends, seconds = begins + phase.seconds, phase.seconds - _WINDOW
        settled = outcome.between(begins + _WINDOW, ends)
        rate, work = settled.in_time / seconds, _work(settled, seconds)
        yield Part(outcome.between(begins, ends), rate, work, ends)
        begins = ends


def _medians(floods: Sequence[Flood], middles: Medians) -> list[str]:
    """And of goodput the least and the most."""
    kept = [each.kept for each in floods if not math.isnan(each.kept)]
    goods = [each.goodput for each in floods], [each.to_elsewhere for each in floods]
    return [
        *(f"{middle(each):.0%} ({100 * min(each):.0f}-{100 * max(each):.0f})" for each in goods),
        f"{middle(kept):.0%}" if kept else "-",
        _number(middles.served),
        f"{middles.share_refused:.0%}",
        _number(middles.refused),
        _number(middles.recovery, digits=2),
        _number(middle([each.late for each in floods])),
    ]


def _number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else bounds.odd(value)


def _middles(floods: Sequence[Flood], seconds: float) -> Medians:
    names = "goodput", "share_refused", "served", "recovery"
    middles = {name: middle([getattr(each, name) for each in floods]) for name in names}
    refused = [each.refused for each in floods if not math.isnan(each.refused)]
    return Medians(**middles, refused=middle(refused), watched=_watched(seconds))


def _calm(seconds: float) -> float:
    """Before a flood of so many seconds."""
    return max(seconds / 2, 1.0)


def _watched(seconds: float) -> float:
    """Behind a flood of so many seconds."""
    return max(seconds, _WATCHED)


def _recovery(outcome: Outcome, before: Outcome, ended: float, until: float) -> float:
    """Seconds from the end of the flood until times are those of before, about, and stay so.

    A window counts by its median, with all that follow it: a hiccup of the machine is not the flood's. One in
    which nobody is served is not normal, and nothing before it is. Infinite where it never comes.
    """
    normal, recovered = _SETTLED * percentile(before.served, 0.5), math.inf
    # by number: a sum of windows could end in a sliver of one, in which nobody asks
    for number in reversed(range(int((until - ended) / _WINDOW))):
        at = ended + number * _WINDOW
        window, rest = outcome.between(at, at + _WINDOW), outcome.between(at, until)
        if not window.served:
            break
        if percentile(window.served, 0.5) <= normal and percentile(rest.served, 0.5) <= normal:
            recovered = at - ended
    return recovered


def _held(ground: Ground) -> int:
    """Places and waiting requests when nobody asks any more."""
    until = time.monotonic() + _LEAK_SECONDS
    while True:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{ground.metrics_port}/metrics", timeout=5.0) as page:
            found = _UNDER_WAY.findall(page.read())
        assert len(found) == 2
        held = sum(int(float(number)) for _, number in found)
        if not held or time.monotonic() > until:
            return held
        time.sleep(0.1)


def _table(*columns: str) -> Table:
    table = Table(box=None)
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _shown(outcome: Outcome) -> list[str]:
    times = (f"{1000 * percentile(outcome.served, share):,.1f}" for share in (0.5, 0.99))
    return [f"{outcome.share_in_time:.2%}", *times]


async def _tenants(staged: Stage) -> dict[str, dict[str, bytes]]:
    requests: dict[str, dict[str, bytes]] = {question: {} for question in _QUESTIONS}
    async with open_runtime(staged.settings) as runtime:
        for slug in ("quiet", "noisy", "third"):
            made = await found(runtime, slug, plan=Plan.GROWTH, users=_SIZE.users, mode=None)
            await fill(runtime, made, _SIZE)
            key = await make_key(runtime, made, (Permission.USER_READ, Permission.ENROLLMENT_READ))
            host = f"{slug}.{staged.settings.platform_domain}"
            for question, text in _QUESTIONS.items():
                requests[question][slug] = _request(host, key, text)
    await settle(staged.admin_url)
    return requests


def _request(host: str, key: str, question: str) -> bytes:
    body = msgspec.json.encode({"query": question})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each flood")
    parser.add_argument(
        "--times",
        type=lambda text: [float(each) for each in text.split(",")],
        default=[2.0, 10.0],
        help="the capacity: how much is asked for; 0 for the peak itself: how far the measure is off",
    )
    parser.add_argument("--rounds", type=int, default=3, help="floods of each mass; medians are told")
    parser.add_argument(
        "--apart",
        action="store_true",
        help="a processor for the generators alone, and the rest for the servers",
    )
    parser.add_argument(
        "--by-turns",
        action="store_true",
        help="as many connections at the peak as in a flood: who rests for longest asks next",
    )
    parser.add_argument("--short", action="store_true", help="a second each: for CI")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="end with 1 when anything that is asked for is missed; else only where no machine explains it",
    )
    options = parser.parse_args()
    if options.seconds < 1.0 or options.rounds < 1:
        parser.error("a flood takes a second at least, and there is one at least")
    if options.apart and len(os.sched_getaffinity(0)) < 2:
        parser.error("one processor alone cannot be divided")
    if options.short:
        options.seconds, options.times, options.rounds = 1.0, [2.0], 1
    out.print(f"in time: within {IN_TIME:g} s")
    return options


if __name__ == "__main__":
    sys.exit(main())
