"""Plants each isolation fault of `mutants/` in a copy of the source and asks whether the tests notice.

    ./harka run python tests/isolation/run_mutants.py [--sample N] [name …]

Exits 1 when fewer than 95 % of the mutants are killed, or when the tests fail without any fault. `--sample N`
takes N that lie evenly in the list, always the same ones, and trusts that the tests have just passed.
"""

# ruff: noqa: T201 - a program that reports

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from mutants import MUTANTS, Mutant, StaleError

ROOT = Path(__file__).resolve().parents[2]
KILL_RATE = 0.95
WORKERS = 2
TIMEOUT = 600  # seconds for one run of pytest; the longest takes a tenth of it on a machine of its own
PATIENCE = 30  # seconds for a run that was interrupted to stop its servers
# in the order of the mutant's list of tests, not by chance; stop at the first failure and name it
PYTEST = ("-x", "-q", "-rfE", "--tb=no", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider")


class Verdict(StrEnum):
    KILLED = "killed"
    HUNG = "hung"  # the suite does not pass, so the fault is noticed; rare enough to be looked at
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"  # no test failed, pytest did: proves nothing


class Outcome(NamedTuple):
    verdict: Verdict
    why: str
    seconds: float

    @property
    def noticed(self) -> bool:
        return self.verdict in {Verdict.KILLED, Verdict.HUNG}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="mutants; none: all")
    parser.add_argument("--sample", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    chosen = choose(arguments.names, arguments.sample)
    began = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        control = None if arguments.sample or arguments.names else pool.submit(try_without_fault, chosen)
        outcomes = list(pool.map(try_mutant, chosen))
    seconds = time.monotonic() - began
    noticed = sum(outcome.noticed for outcome in outcomes)
    print(f"{noticed} of {len(chosen)} mutants noticed in {seconds:.0f} s")
    for verdict in (Verdict.HUNG, Verdict.SURVIVED, Verdict.BROKEN):
        names = [m.name for m, each in zip(chosen, outcomes, strict=True) if each.verdict is verdict]
        if names:
            print(f"{verdict}: {', '.join(names)}")
    if control is not None and control.result().verdict is not Verdict.SURVIVED:
        print("the tests fail without any fault: nothing is proved")
        return 1
    return 0 if noticed >= KILL_RATE * len(chosen) else 1


def choose(names: Sequence[str], sample: int) -> list[Mutant]:
    """Exit when a name is unknown, or a mutant can no longer be planted."""
    known = {mutant.name: mutant for mutant in MUTANTS}
    if unknown := set(names) - set(known):
        sys.exit(f"no such mutant: {', '.join(sorted(unknown))}")
    chosen = [known[name] for name in names] or MUTANTS
    for mutant in chosen:
        try:
            mutant.planted(ROOT / "src")
        except StaleError as error:
            sys.exit(f"{error}; bring the list up to date")
    if not 0 < sample < len(chosen):
        return chosen
    return [chosen[number * len(chosen) // sample] for number in range(sample)]


def try_without_fault(mutants: Sequence[Mutant]) -> Outcome:
    tests = sorted({path for mutant in mutants for path in mutant.tests})
    return report("(no fault)", try_tests([tests], ROOT / "src"))


def try_mutant(mutant: Mutant) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="hkm-", dir="/var/tmp") as folder:
        # the tests' PostgreSQL runs as an ordinary user and must get at what it is given
        Path(folder).chmod(0o755)
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        plant(mutant, source)
        return report(mutant.name, try_tests([[path] for path in mutant.tests], source))


def report(name: str, outcome: Outcome) -> Outcome:
    print(f"{outcome.verdict:8}  {outcome.seconds:4.0f} s  {name}  {outcome.why}", flush=True)
    return outcome


def try_tests(stages: Sequence[Sequence[str]], source: Path) -> Outcome:
    """Run the stages one after the other until one does not pass."""
    began = time.monotonic()
    for tests in stages:
        verdict, why = run_pytest(tests, source)
        if verdict is not Verdict.SURVIVED:
            return Outcome(verdict, why, time.monotonic() - began)
    return Outcome(Verdict.SURVIVED, "", time.monotonic() - began)


def run_pytest(tests: Sequence[str], source: Path) -> tuple[Verdict, str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *PYTEST, *tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return Verdict.HUNG, last_line(interrupted(process))
    if process.returncode == 0:
        return Verdict.SURVIVED, ""
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    # 1: a test failed; any other code without one means that the run itself broke
    if process.returncode == 1 and failed:
        return Verdict.KILLED, failed[1]
    return Verdict.BROKEN, f"pytest exited with {process.returncode}: {last_line(output)}"


def interrupted(process: subprocess.Popen[str]) -> str:
    """What pytest says when it is stopped as by Ctrl-C: its fixtures still take down what they put up."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def last_line(output: str) -> str:
    return (output.strip().splitlines() or ["no output"])[-1]


def plant(mutant: Mutant, source: Path) -> None:
    (source / "harka" / mutant.file).write_text(mutant.planted(source))
    if mutant.file.startswith("_fastpath"):
        # the compiled twin would hide a fault planted in the Python one
        for built in (source / "harka").glob("_fastpath.*.so"):
            built.unlink()


if __name__ == "__main__":
    sys.exit(main())
