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
from collections.abc import Iterable, Sequence
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


def counted(names: Sequence[str], directory: Path) -> dict[str, Profile]:
    """Of each what its calls took, without the first: one process, since most of the time takes its start.

    A profile is written, and counted anew, whenever `siphash64` has been called (`compiled_calls.py`).
    """
    file = directory / "out"
    subprocess.run(
        [
            *(valgrind(), "--tool=callgrind", f"--callgrind-out-file={file}"),
            "--dump-after=__pyx_pw_5harka_9_fastpath_*siphash64",
            *(sys.executable, "-P", str(_TESTS / "compiled_calls.py"), *names),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        # the same layout of dictionaries each time, and nothing written beside the sources
        env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
    )
    profiles = {}
    for number, name in enumerate(names, start=1):
        with Path(f"{file}.{2 * number}").open() as lines:
            profiles[name] = read(lines)
    return profiles


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Profile]:
    return counted([*CALLS, *AMONG.values()], tmp_path_factory.mktemp("instructions"))


@pytest.mark.parametrize("budget", read_instructions(), ids=lambda budget: budget.function)
def test_a_call_takes_no_more_than_accepted(budget: Instructions, profiles: dict[str, Profile]) -> None:
    _, calls = CALLS[budget.function]
    profile = profiles[budget.function]
    assert 20 < profile.instructions(budget.function) / calls <= budget.most
    assert profile.allocations / calls <= budget.allocations


def test_a_resolution_takes_as_many_among_more_tenants(profiles: dict[str, Profile]) -> None:
    """In time the processor's caches tell (`benchmarks/budgets.toml`)."""
    few, many = (profiles[name].instructions("resolve") for name in AMONG.values())
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
