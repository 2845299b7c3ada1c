"""The compiled fast path's instructions for one call, counted by valgrind: the same on a busy machine.

The bounds stand in `benchmarks/budgets.toml`, twice what was counted: compilers and Pythons differ by less, a
function that has begun to allocate, to pack or to call Python by more. The program is `$HARKA_TEST_VALGRIND`,
else where Debian puts it. Without it this skips, but fails where `CI` or `HARKA_REQUIRE_VALGRIND` is set.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from budgets import Instructions, read_instructions

from fastpath_calls import CALLS

pytestmark = pytest.mark.compiled

_NO = {"", "0", "false", "no"}
_TESTS = Path(__file__).resolve().parent
_SYMBOLS = {
    "resolve": "__pyx_pw_5harka_9_fastpath_9HostTable_3resolve",
    "cache_key": "__pyx_pw_5harka_9_fastpath_1cache_key",
    "select_shard": "__pyx_pw_5harka_9_fastpath_3select_shard",
    "take": "__pyx_pw_5harka_9_fastpath_6Bucket_3take",
}
_FUNCTION = re.compile(r"(c?)fn=\((\d+)\)(?: (.*))?")


def valgrind() -> str:
    places = (os.environ.get("HARKA_TEST_VALGRIND"), "/usr/bin/valgrind")
    found = next((place for place in places if place and os.access(place, os.X_OK)), None)
    if found is not None:
        return found
    if any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_VALGRIND")):
        pytest.fail("no valgrind, but CI or HARKA_REQUIRE_VALGRIND is set: install Debian's valgrind")
    pytest.skip("no valgrind")


def inclusive(profile: Iterable[str]) -> Counter[str]:
    """Instructions of each function and of what it called, by its symbol, from callgrind's file.

    A line of costs ends with them; one that follows `calls=` is the cost of what was called there. A name is
    written once, with its number, wherever that comes first.
    """
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    current = ""
    for line in profile:
        if function := _FUNCTION.match(line):
            called, number, name = function.groups()
            names.setdefault(number, name or "")
            current = current if called else names[number]
        elif current and (line[:1].isdigit() or line[:1] in "+-*"):
            costs[current] += int(line.split()[-1])
    return costs


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    profile = tmp_path_factory.mktemp("callgrind") / "out"
    program = [sys.executable, "-P", str(_TESTS / "fastpath_calls.py")]
    subprocess.run(
        [valgrind(), "--tool=callgrind", f"--callgrind-out-file={profile}", *program],
        check=True,
        capture_output=True,
        timeout=120,
        # the same layout of dictionaries each time, and nothing written beside the sources
        env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
    )
    with profile.open() as lines:
        return inclusive(lines)


@pytest.mark.parametrize("budget", read_instructions(), ids=lambda budget: budget.function)
def test_a_call_takes_no_more_instructions_than_accepted(budget: Instructions, counted: Counter[str]) -> None:
    taken = counted[_SYMBOLS[budget.function]] / CALLS
    assert 20 < taken <= budget.most


def test_every_function_has_a_bound() -> None:
    assert {budget.function for budget in read_instructions()} == set(_SYMBOLS)


def test_costs_of_what_is_called_count_for_the_caller() -> None:
    profile = [
        "fn=(1) a",
        "1 10",
        "+2 5",
        "cfn=(2) b",
        "calls=3 7",
        "* 30",
        "fn=(2)",
        "7 30",
        "fn=(1)",
        "9 1",
    ]
    assert inclusive(profile) == {"a": 46, "b": 30}
