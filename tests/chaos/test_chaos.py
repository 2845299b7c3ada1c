"""The short form of `loadtests/chaos.py`: whatever is killed, no job is lost and none is done twice."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from queue_worker import POISON

from chaos import Told, faults, victims

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


def test_nobody_is_left_out() -> None:
    names = ["worker 0", "worker 1", "api", "postgres", "valkey"]
    for _ in range(20):
        assert sorted(victims(names, 5)) == sorted(names)
        assert len(victims(names, 7)) == 7
        assert set(victims(names, 7)) == set(names)


@pytest.mark.parametrize(
    ("times", "found", "wrong"),
    [
        ({}, {}, []),
        ({3: 1}, {}, []),
        ({1: 2}, {}, ["effect 1 happened 2 times"]),
        ({3: 2}, {}, ["effect 3 happened 2 times"]),
        ({2: None}, {}, ["effect 2 was acknowledged and never happened"]),
        ({}, {(POISON, "dead"): 0}, ["the job that kills its workers is not dead"]),
        ({}, {("usage.measure", "done"): 1}, ["2 jobs were acknowledged by the API, there are {'done': 1}"]),
    ],
    ids=["all is well", "not acknowledged", "twice", "twice of those", "lost", "poison", "of the API"],
)
def test_each_fault_is_found(
    times: Mapping[int, int | None], found: Mapping[tuple[str, str], int], wrong: list[str]
) -> None:
    told = Told(effects={1, 2}, asked=2)
    happened = {number: n for number, n in ({1: 1, 2: 1} | dict(times)).items() if n is not None}
    ended = {(POISON, "dead"): 1, ("usage.measure", "done"): 2} | dict(found)
    assert faults(happened, ended, told) == wrong
