"""HARKA and its peers under the same three questions, on the same data, in one interleaved run."""

import argparse
import asyncio
import contextlib
import os
import platform
import sys
import tempfile
import timeit
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "loadtests"))

import ground  # noqa: E402 - needs the path above
import measure  # noqa: E402 - likewise
import peers  # noqa: E402 - likewise
import report  # noqa: E402 - likewise
from ground import Ground  # noqa: E402 - likewise
from measure import Cell, FailedError  # noqa: E402 - likewise
from peers import NAMES, Peer, Place  # noqa: E402 - likewise
from questions import COURSES, ENROLLMENTS, QUESTIONS, Asked, normal, opened, sealed_bodies  # noqa: E402 - likewise
from rich.console import Console  # noqa: E402 - likewise
from stage import Stage, stage  # noqa: E402 - likewise

import node  # noqa: E402 - likewise
from harka.cli.signals import interrupt_on_stop  # noqa: E402 - likewise
from harka.errors import HarkaError  # noqa: E402 - likewise
from harka.ids import NodeKind  # noqa: E402 - likewise
from node import MissingError, Node  # noqa: E402 - likewise

_WARM_UP: Final = 1.0
_QUICK: Final = 2.0
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
notes: Final = Console(stderr=True, highlight=False)

Cells = dict[tuple[str, str], list[Cell]]


def main() -> int:
    options = _options()
    interrupt_on_stop()
    notes.print(
        f"Python {platform.python_version()}: a million additions in {_million_additions():.0f} ms; "
        "builds differ by half (README.md, On which Python)"
    )
    try:
        measure.require_wrk()
        found = node.install() if set(options.only) & peers.NEEDS_NODE else None
        with stage() as staged:
            _run(options, staged, found)
    except (MissingError, FailedError, HarkaError) as error:
        notes.print(f"error: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(options: argparse.Namespace, staged: Stage, found: Node | None) -> None:
    notes.print("laying the ground: tenants, users, courses, enrollments")
    laid = asyncio.run(ground.lay(staged))
    asked = Asked(laid.tenant, laid.users)
    with _all_running(options.only, staged, laid, found) as running:
        _require_equal(running, asked)
        notes.print("all answers are equal")
        cells = _measured(options, running, asked)
        _require_equal(running, asked)
    results = {key: measure.middle(each) for key, each in cells.items()}
    report.show(out, results, options.only)
    report.show_budgets(out, results)
    if options.json is not None:
        options.json.write_bytes(report.as_json(results, cells, _facts(options, found)))


@contextlib.contextmanager
def _all_running(
    names: Sequence[str], staged: Stage, laid: Ground, found: Node | None
) -> Iterator[list[Peer]]:
    place = Place(str(laid.tenant), laid.schema, laid.key)
    bodies = sealed_bodies(lambda user: laid.node_ids.seal(laid.tenant, NodeKind.USER, user))
    opening = opened(laid.node_ids, laid.tenant)
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                peers.harka(staged, place, bodies, opening)
                if name == "harka"
                else peers.other(name, staged, place, found)
            )
            for name in names
        ]


def _require_equal(running: Sequence[Peer], asked: Asked) -> None:
    """Raise `FailedError` at the first answer that is not the first peer's, or says too little."""
    first, *rest = running
    for question in QUESTIONS:
        expected = _answers(first, question.name, asked)
        _require_full(question.name, expected)
        for peer in rest:
            answers = _answers(peer, question.name, asked)
            if answers != expected:
                where = _difference(expected, answers)
                raise FailedError(f"{question.name}: {first.name} and {peer.name} differ at {where}")


def _answers(peer: Peer, question: str, asked: Asked) -> list[Any]:
    return [normal(measure.ask(peer, body), peer.opening) for body in peer.bodies(question, asked)]


def _require_full(question: str, answers: Sequence[Any]) -> None:
    """Equal answers could all be empty, or all hold the neighbours' rows."""
    match question, answers[0]:
        case "q1", {"user": dict()}:
            return
        case "q2", {"courses": {"nodes": list(nodes)}} if len(nodes) == COURSES:
            return
        case "q3", {"enrollments": {"totalCount": ground.SIZE.enrollments, "nodes": list(nodes)}} if (
            len(nodes) == ENROLLMENTS
        ):
            return
    raise FailedError(f"{question}: the answer is not what was loaded: {str(answers[0])[:300]}")


def _difference(one: Any, other: Any, path: str = "answers") -> str:
    """Where two answers first part, and how."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs: Mapping[Any, Any] = {name: (one[name], other[name]) for name in one}
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = dict(enumerate(zip(one, other, strict=True)))
    else:
        return f"{path}: {str(one)[:200]} and {str(other)[:200]}"
    name, (left, right) = next((name, pair) for name, pair in pairs.items() if pair[0] != pair[1])
    return _difference(left, right, f"{path}.{name}")


def _measured(options: argparse.Namespace, running: Sequence[Peer], asked: Asked) -> Cells:
    cells: Cells = defaultdict(list)
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)

        def load(peer: Peer, question: str, seconds: float) -> Cell:
            bodies = peer.bodies(question, asked)
            return measure.load(peer, bodies, directory, seconds=seconds, connections=options.connections)

        for peer in running:
            for question in QUESTIONS:
                load(peer, question.name, _WARM_UP)
        for turn in range(options.rounds):
            # there and back again: whatever drifts meanwhile falls on all alike
            order = running if turn % 2 == 0 else running[::-1]
            for question in QUESTIONS:
                for peer in order:
                    cell = load(peer, question.name, options.seconds)
                    cells[question.name, peer.name].append(cell)
                    notes.print(f"round {turn + 1} {question.name} {peer.name:<13}{cell.rate:>10,.0f}/s")
    return cells


def _facts(options: argparse.Namespace, found: Node | None) -> dict[str, Any]:
    return {
        "seconds": options.seconds,
        "rounds": options.rounds,
        "connections": options.connections,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "million_additions_ms": _million_additions(),
        "node": None if found is None else found.version,
    }


def _million_additions() -> float:
    """Milliseconds: tells a fast build of Python from a slow one, and a quiet machine from a busy one."""
    return min(timeit.repeat("sum(range(1_000_000))", number=1, repeat=5)) * 1000


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=_names, default=list(NAMES), help=f"of {','.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each cell")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="2 seconds a cell, one round")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = _QUICK, 1
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = set(names) - set(NAMES)
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no peer {', '.join(sorted(unknown))}")
    # in one order, whatever was typed
    return [name for name in NAMES if name in names]


if __name__ == "__main__":
    sys.exit(main())
