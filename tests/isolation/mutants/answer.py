"""Plans, loaders and rows: what outlives a request must not hold anything of it."""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "shared-loaders",
        "graph/loaders/loader.py",
        "    def __init__(self, work: UnitOfWork) -> None:\n        self._work = work\n        self._made: dict[type[Loader[Any, Any]], Loader[Any, Any]] = {}",
        "    def __init__(self, work: UnitOfWork, made: dict[Any, Any] = {}) -> None:\n        self._work = work\n        self._made = made",
        ("tests/graph", "tests/isolation"),
    ),
]
