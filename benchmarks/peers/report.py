"""The figures as tables for people, and as JSON for whoever compares runs."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from measure import Cell, Result
from peers import NAMES
from questions import QUESTIONS
from rich.console import Console
from rich.table import Table

BUDGETS: Final = Path(__file__).resolve().parents[1] / "budgets.toml"
_YARDSTICKS: Final = ("mercurius", "vanilla")

Results = Mapping[tuple[str, str], Result]
"""By (question, peer)."""


class Budget(msgspec.Struct, frozen=True):
    """`accepted`: HARKA's requests/s over the peer's. `aim`: what would please."""

    question: str
    peer: str
    accepted: float
    reason: str
    aim: float | None = None


def read_budgets() -> list[Budget]:
    return msgspec.convert(tomllib.loads(BUDGETS.read_text())["ratio"], list[Budget])


def show(console: Console, results: Results, peers: Sequence[str]) -> None:
    for question in QUESTIONS:
        table = Table(title=question.title, title_justify="left", box=None)
        table.add_column("")
        for column in ("requests/s", "p50 ms", "p99 ms", "to Mercurius", "to vanilla"):
            table.add_column(column, justify="right")
        for peer in peers:
            result = results[question.name, peer]
            ratios = (_ratio(results, question.name, peer, yardstick) for yardstick in _YARDSTICKS)
            table.add_row(
                *(NAMES[peer], f"{result.rate:,.0f}", f"{result.p50:.2f}", f"{result.p99:.2f}"),
                *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
            )
        console.print(table, "")


def show_budgets(console: Console, results: Results) -> None:
    table = Table(title="HARKA against its budgets", title_justify="left", box=None)
    for column in ("question", "peer"):
        table.add_column(column)
    for column in ("measured", "accepted", "aim"):
        table.add_column(column, justify="right")
    table.add_column("reason", overflow="fold")
    for budget in read_budgets():
        ratio = _ratio(results, budget.question, "harka", budget.peer)
        if ratio is None:
            continue
        table.add_row(
            *(budget.question, budget.peer, _judged(ratio, budget), f"{budget.accepted:.1f}"),
            *("" if budget.aim is None else f"{budget.aim:.1f}", budget.reason),
        )
    if table.row_count:
        console.print(table)


def as_json(
    results: Results, cells: Mapping[tuple[str, str], Sequence[Cell]], facts: Mapping[str, Any]
) -> bytes:
    body = {
        "facts": facts,
        "results": {
            question.name: {
                peer: {**msgspec.structs.asdict(result), "rounds": cells[question.name, peer]}
                for (asked, peer), result in results.items()
                if asked == question.name
            }
            for question in QUESTIONS
        },
        "budgets": [
            {
                **msgspec.structs.asdict(budget),
                "measured": _ratio(results, budget.question, "harka", budget.peer),
            }
            for budget in read_budgets()
        ],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n"


def _ratio(results: Results, question: str, peer: str, yardstick: str) -> float | None:
    one, other = results.get((question, peer)), results.get((question, yardstick))
    return None if one is None or other is None else one.rate / other.rate


def _judged(ratio: float, budget: Budget) -> str:
    return f"{ratio:.2f} {'✓' if ratio >= budget.accepted else '✗'}"
