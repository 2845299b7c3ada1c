"""What a process keeps of an organization that asked once and is idle: traced by Python, and resident.

`python benchmarks/tenant_memory.py`: each in a fresh process. Resident is what the system gave for them alone
(`Private_Dirty`): what the allocators hold, round up and cannot give back is in it.
"""

import asyncio
import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console

ORGANIZATIONS: Final = 10_000
MOST: Final = 2_048
"""Bytes of an organization."""
out: Final = Console(highlight=False, width=140)
_TESTS: Final = Path(__file__).resolve().parent.parent / "tests"


def main() -> int:
    """1 when either is more than is accepted."""
    taken = {kind: _in_a_process_of_its_own(kind) for kind in _KINDS}
    for kind, each in taken.items():
        out.print(
            f"{kind}, of each of {ORGANIZATIONS:,} idle organizations: {each:,.0f} bytes, accepted {MOST:,}"
        )
    return int(max(taken.values()) > MOST)


def _in_a_process_of_its_own(kind: str) -> float:
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    command = [sys.executable, __file__, kind]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - this file
    return float(done.stdout)


def _resident() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("Private_Dirty:"))
    return 1024 * int(kib)


def _traced() -> int:
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


_KINDS: Final[dict[str, Callable[[], int]]] = {"traced": _traced, "resident": _resident}


async def _taken(measure: Callable[[], int]) -> float:
    from harka import clock  # noqa: PLC0415 - with the next
    from tenancy.idle import idle, read_directory  # noqa: PLC0415 - of the tests, which only this process finds

    seconds = [0.0]
    clock.monotonic = lambda: seconds[0]
    # what is made once, and what the first ones need, is nobody's
    await idle(read_directory(10), seconds)
    gc.collect()
    before = measure()
    kept = await idle(read_directory(ORGANIZATIONS), seconds)
    gc.collect()
    after = measure()
    assert len(kept.directory.organizations) == ORGANIZATIONS
    return (after - before) / ORGANIZATIONS


if __name__ == "__main__":
    if sys.argv[1:]:
        out.print(asyncio.run(_taken(_KINDS[sys.argv[1]])))
    else:
        sys.exit(main())
