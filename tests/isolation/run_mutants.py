"""Plants each isolation fault of `mutants.py` in a copy of the source and asks whether the tests notice.

    .venv/bin/python tests/isolation/run_mutants.py [--sample N] [name …]

Exits 1 when fewer than 95 % of the mutants are killed. `--sample N` takes every k-th, for CI.
"""

# ruff: noqa: T201 - a program that reports

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
KILL_RATE = 0.95
WORKERS = 2
TIMEOUT = 300  # seconds for one mutant's test run
TESTS_FAILED = 1  # pytest's exit code; any other means that the run itself broke


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--sample", type=int, default=0)
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if not arguments.names or m.name in arguments.names]
    if arguments.sample:
        chosen = chosen[:: max(1, len(chosen) // arguments.sample)][: arguments.sample]
    with ThreadPoolExecutor(WORKERS) as pool:
        verdicts = list(pool.map(killed, chosen))
    survivors = [m.name for m, dead in zip(chosen, verdicts, strict=True) if not dead]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants killed; survivors: {survivors or 'none'}")
    return 0 if len(survivors) <= (1 - KILL_RATE) * len(chosen) else 1


def killed(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory(prefix="hkm-", dir="/var/tmp") as folder:
        # the tests' PostgreSQL runs as an ordinary user and must get at what it is given
        Path(folder).chmod(0o755)
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        plant(mutant, copy)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    last = (run.stdout.strip().splitlines() or ["no output"])[-1]
    noticed = run.returncode == TESTS_FAILED
    verdict = "killed" if noticed else f"SURVIVED ({run.returncode})"
    print(f"{verdict}  {mutant.name}: {last}", flush=True)
    return noticed


def plant(mutant: Mutant, source: Path) -> None:
    file = source / "harka" / mutant.file
    text = file.read_text()
    if text.count(mutant.before) < 1:
        sys.exit(f"{mutant.name}: its text is no longer in {mutant.file}; bring the list up to date")
    file.write_text(text.replace(mutant.before, mutant.after))
    if mutant.file.startswith("_fastpath"):
        # the compiled twin would hide a fault planted in the Python one
        for built in (source / "harka").glob("_fastpath.*.so"):
            built.unlink()


if __name__ == "__main__":
    sys.exit(main())
