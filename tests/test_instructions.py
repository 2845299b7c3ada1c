"""The compiled parts' instructions and allocations for a call, counted by valgrind: also on a busy machine.

The bounds stand in `benchmarks/budgets.toml`. Of instructions twice what was counted: compilers and Pythons
differ by less, a function that has begun to allocate, to pack or to call Python by more. Of allocations a few
more than were counted. The program is `$HARKA_TEST_VALGRIND`, else where Debian puts it. Without it this
skips, but fails where `CI` or `HARKA_REQUIRE_VALGRIND` is set.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from budgets import Instructions, read_instructions

from compiled_calls import AMONG, CALLS

pytestmark = pytest.mark.compiled

_NO = {"", "0", "false", "no"}
_TESTS = Path(__file__).resolve().parent
_FUNCTION = re.compile(r"(c?)fn=\((\d+)\)(?: (.*))?")
_ALLOCATOR = re.compile(r"_*Py(Object|Mem)_(Raw)?(Malloc|Calloc|Realloc)|(_int_)?(malloc|calloc|realloc)")


def valgrind() -> str:
    places = (os.environ.get("HARKA_TEST_VALGRIND"), "/usr/bin/valgrind")
    found = next((place for place in places if place and os.access(place, os.X_OK)), None)
    if found is not None:
        return found
    if any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_VALGRIND")):
        pytest.fail("no valgrind, but CI or HARKA_REQUIRE_VALGRIND is set: install Debian's valgrind")
    pytest.skip("no valgrind")


class Profile(NamedTuple):
    """`inclusive`: instructions of each function and of what it called. `allocations`: of all together."""

    inclusive: Counter[str]
    allocations: int

    def instructions(self, name: str) -> int:
        """Of the compiled function that Cython calls `__pyx_pw_<where><number><name>`."""
        (found,) = (cost for symbol, cost in self.inclusive.items() if _compiled(name).fullmatch(symbol))
        return found


def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(rf"__pyx_pw_5harka_\w+\d{name}")


def read(profile: Iterable[str]) -> Profile:
    """What is in callgrind's file.

    A line of costs ends with them; one that follows `calls=` is the cost of what was called there. A name is
    written once, with its number, wherever that comes first. An allocator that calls another allocates once.
    """
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    allocations = 0
    caller = callee = ""
    for line in profile:
        if function := _FUNCTION.match(line):
            called, number, name = function.groups()
            names.setdefault(number, name or "")
            if called:
                callee = names[number]
            else:
                caller = names[number]
        elif line.startswith("calls="):
            if _ALLOCATOR.fullmatch(callee) and not _ALLOCATOR.fullmatch(caller):
                allocations += int(line[6:].split()[0])
        elif caller and (line[:1].isdigit() or line[:1] in "+-*"):
            costs[caller] += int(line.split()[-1])
    return Profile(costs, allocations)


def profiled(name: str, calls: int, directory: Path) -> Profile:
    """So many calls of one function."""
    file = directory / f"{calls}.out"
    program = [sys.executable, "-P", str(_TESTS / "compiled_calls.py"), name, str(calls)]
    subprocess.run(
        [valgrind(), "--tool=callgrind", f"--callgrind-out-file={file}", *program],
        check=True,
        capture_output=True,
        timeout=120,
        # the same layout of dictionaries each time, and nothing written beside the sources
        env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
    )
    with file.open() as lines:
        return read(lines)


@pytest.mark.parametrize("budget", read_instructions(), ids=lambda budget: budget.function)
def test_a_call_takes_no_more_than_accepted(budget: Instructions, tmp_path: Path) -> None:
    _, calls = CALLS[budget.function]
    # what is allocated around the calls does not count
    with ThreadPoolExecutor() as pool:
        few, many = pool.map(lambda count: profiled(budget.function, count, tmp_path), (1, calls + 1))
    instructions = many.instructions(budget.function) / (calls + 1)
    allocations = (many.allocations - few.allocations) / calls
    assert 20 < instructions <= budget.most
    assert allocations <= budget.allocations


def test_a_resolution_takes_as_many_among_more_tenants(tmp_path: Path) -> None:
    """In time the processor's caches tell (`benchmarks/budgets.toml`)."""
    calls = 1_000

    def counted(tenants: int) -> float:
        directory = tmp_path / str(tenants)
        directory.mkdir()
        return profiled(AMONG[tenants], calls, directory).instructions("resolve") / calls

    with ThreadPoolExecutor() as pool:
        few, many = pool.map(counted, AMONG)
    assert few / 1.1 <= many <= 1.1 * few


def test_every_function_has_a_bound() -> None:
    assert {budget.function for budget in read_instructions()} == set(CALLS)


def test_costs_of_what_is_called_count_for_the_caller_and_allocations_once() -> None:
    profile = [
        "fn=(1) work",
        "1 10",
        "cfn=(2) PyObject_Malloc",
        "calls=3 7",
        "* 30",
        "fn=(2)",
        "+2 10",
        "cfn=(3) malloc",
        "calls=3 7",
        "* 20",
        "fn=(1)",
        "cfn=(3)",
        "calls=2 7",
        "9 9",
    ]
    found = read(profile)
    assert found.inclusive == {"work": 49, "PyObject_Malloc": 30}
    assert found.allocations == 5
