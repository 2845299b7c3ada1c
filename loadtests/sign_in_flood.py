"""Passwords are guessed by the hundred at one organization: what its neighbours notice of it.

`python loadtests/sign_in_flood.py`: servers of the run's own, one `harka serve`. First how many sign-ins a
second there are to who asks as fast as answers come. Then a quiet organization, whose people read and sign in
at a steady rate: alone; while as much is sent elsewhere, to a server that answers anything with the same
bytes; and beside a flood of wrong passwords for thousands of accounts from thousands of addresses. Guessing
is held against the second: who guesses does not use the server's processors to do so, here they do. Open
loop, like `overload.py`. It ends with 1 when anything was neither served nor refused.
"""

import argparse
import asyncio
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from elsewhere import elsewhere
from generator import Outcome, Stream, percentile, run
from open_loop import Phase
from population import Population, fill, found, make_key, settle
from rich.console import Console
from rich.table import Table
from stage import Stage, free_port, stage

from harka.auth.password import hash_password
from harka.cli.signals import interrupt_on_stop
from harka.learning.work import unit_of_work
from harka.opening import open_runtime
from harka.repositories import password as passwords
from harka.runtime import Runtime
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan

_SIZE: Final = Population(users=50, courses=20, enrollments=100)
_PASSWORD: Final = "vexed kiln plumage 4"  # noqa: S105 - of nobody
_READS: Final = 40.0
_SIGN_INS: Final = 4.0
_GUESSES: Final = 4000
_QUESTION: Final = """{ users(first: 20) { nodes { id name enrollments(first: 5) { nodes { id } } } } }"""
_EXPECTED: Final = frozenset({HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
_BUSY: Final = frozenset({*_EXPECTED, HTTPStatus.SERVICE_UNAVAILABLE})
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


class Asked(msgspec.Struct, frozen=True):
    """As it goes over the wire: of the quiet organization, and for the other one."""

    reads: list[bytes]
    sign_ins: list[bytes]
    guesses: list[bytes]


def main() -> int:
    options = _options()
    interrupt_on_stop()
    with stage() as staged:
        # each guess is somebody else's, as far as the server can see
        settings = msgspec.structs.replace(staged.settings, trusted_proxies="127.0.0.1/32")
        asked = asyncio.run(_prepare(staged))
        port = free_port()
        with Stage(settings, staged.admin_url, staged.directory).serving(port), elsewhere() as other:
            places = {"elsewhere": other, "guesses": port}
            return _measure(staged, port, places, asked, options)


def _measure(
    staged: Stage, port: int, places: Mapping[str, int], asked: Asked, options: argparse.Namespace
) -> int:
    """`places`: ports that the flood is sent to, by what it is there."""

    def ask(*streams: Stream) -> list[Outcome]:
        return run(staged.directory, port, streams, is_watched=False)

    seconds = options.seconds
    reads = Stream(asked.reads, [Phase(seconds, _READS)])
    sign_ins = Stream(asked.sign_ins, [Phase(seconds, _SIGN_INS)])
    ask(Stream(asked.reads, [Phase(1.0, callers=4)]), Stream(asked.sign_ins, [Phase(1.0, callers=2)]))
    (full,) = ask(Stream(asked.sign_ins, [Phase(seconds, callers=8)]))
    out.print(f"sign-ins: {len(full.served) / seconds:,.1f}/s to 8 who ask as fast as answers come")
    failed = full.failed
    beside = {(rate, kind): list[list[Outcome]]() for rate in options.rates for kind in places}
    alone = list[list[Outcome]]()
    # in turns: what a machine can do that others share changes from minute to minute
    for _ in range(options.rounds):
        alone.append(ask(reads, sign_ins))
        for (rate, kind), rounds in beside.items():
            rounds.append(
                ask(reads, sign_ins, Stream(asked.guesses, [Phase(seconds, rate)], port=places[kind]))
            )
    out.print(_table(alone, beside, seconds))
    for rounds in (alone, *beside.values()):
        for served, entered, *flooded in rounds:
            failed += _wrong([served, entered], _EXPECTED) + _wrong(flooded, _BUSY)
    if failed:
        out.print(f"failed, by status: {dict(failed)}", style="red")
    return 1 if failed else 0


def _times(rounds: Sequence[Sequence[Outcome]]) -> list[float]:
    """In ms: median and 99th percentile of reads, in the middle of the rounds; of all sign-ins also the 95th.

    A round of 20 s has 800 reads; its 80 sign-ins are too few for a 99th percentile.
    """
    reads = [[percentile(served.served, share) for served, *_ in rounds] for share in (0.5, 0.99)]
    sign_ins = [time for _, entered, *_ in rounds for time in entered.served]
    times = [
        *(statistics.median(each) for each in reads),
        *(percentile(sign_ins, share) for share in (0.5, 0.95, 0.99)),
    ]
    return [1000 * each for each in times]


def _table(
    alone: list[list[Outcome]], beside: dict[tuple[float, str], list[list[Outcome]]], seconds: float
) -> Table:
    """Of a flood how much longer than alone, of guesses also than sent elsewhere."""
    table = Table(box=None)
    for column in ("neighbour", "reads p50 ms", "p99 ms", "sign-ins p50 ms", "p95 ms", "p99 ms", "hashed/s"):
        table.add_column(column, justify="left" if column == "neighbour" else "right")
    usual = _times(alone)
    table.add_row("alone", *(f"{each:,.1f}" for each in usual), "")
    times = {of: _times(rounds) for of, rounds in beside.items()}
    for (rate, kind), took in times.items():
        guesses = [row for *_, flood in beside[rate, kind] for row in flood.rows]
        hashed = sum(status == HTTPStatus.UNAUTHORIZED for _, _, status in guesses)
        shown = (f"{each:,.1f} ({each / before - 1:+.0%})" for each, before in zip(took, usual, strict=True))
        per_second = hashed / seconds / len(beside[rate, kind])
        table.add_row(f"beside {rate:g}/s, {kind}", *shown, f"{per_second:,.1f}")
        if kind == "guesses":
            sent = times[rate, "elsewhere"]
            guessing = (f"({each / other - 1:+.0%})" for each, other in zip(took, sent, strict=True))
            table.add_row("of that, guessing", *guessing, "")
    return table


def _wrong(outcomes: Sequence[Outcome], expected: frozenset[HTTPStatus]) -> Counter[int]:
    found = Counter(status for each in outcomes for _, _, status in each.rows)
    return Counter({status: number for status, number in found.items() if status not in expected})


async def _prepare(staged: Stage) -> Asked:
    async with open_runtime(staged.settings) as runtime:
        quiet = await found(runtime, "quiet", plan=Plan.GROWTH, users=_SIZE.users)
        await found(runtime, "guessed", plan=Plan.GROWTH, users=_SIZE.users)
        filled = await fill(runtime, quiet, _SIZE)
        key = await make_key(runtime, quiet, (Permission.USER_READ, Permission.ENROLLMENT_READ))
        context = operator_context(quiet, "loadtests")
        hashed = hash_password(_PASSWORD)
        async with unit_of_work(
            runtime.databases, runtime.cache, runtime.pubsub, context, read_only=False, timeout=60.0
        ) as work:
            for person in filled.users:
                await passwords.set_hash(work.session, person, hashed)
        asked = _requests(runtime, key)
    await settle(staged.admin_url)
    return asked


def _requests(runtime: Runtime, key: str) -> Asked:
    domain = runtime.settings.platform_domain

    def sign_in(slug: str, number: int, password: str) -> bytes:
        body = {"email": f"person-{number}@{slug}.example", "password": password}
        origin = f"198.51.{number // 250}.{number % 250 + 1}"
        return _request(f"{slug}.{domain}", "/auth/token", body, f"X-Forwarded-For: {origin}\r\n")

    return Asked(
        [_request(f"quiet.{domain}", "/graphql", {"query": _QUESTION}, f"X-API-Key: {key}\r\n")],
        [sign_in("quiet", number, _PASSWORD) for number in range(_SIZE.users)],
        [sign_in("guessed", number, "a wrong password") for number in range(_GUESSES)],
    )


def _request(host: str, path: str, body: object, headers: str) -> bytes:
    content = msgspec.json.encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Accept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument(
        "--rates",
        type=lambda text: [float(each) for each in text.split(",")],
        default=[50.0],
        help="guesses a second",
    )
    parser.add_argument("--rounds", type=int, default=9, help="of alone and beside, in turns")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
