"""The short form of `loadtests/chaos.py`: whatever is killed, no job is lost and none is done twice."""

import subprocess
import sys
from pathlib import Path

CHAOS = Path(__file__).resolve().parents[2] / "loadtests" / "chaos.py"


def test_whatever_is_killed_every_job_is_done_once() -> None:
    ended = subprocess.run(
        [sys.executable, str(CHAOS), "--rounds", "5"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1:]) == (0, ["held"]), ended.stdout + ended.stderr
