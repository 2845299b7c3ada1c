"""The list of planted faults does not rot: `run_mutants.py` can plant each of them in the code as it is."""

from pathlib import Path

import pytest
from mutants import MUTANTS, Mutant

SOURCE = Path(__file__).resolve().parents[2] / "src"
TESTS = SOURCE.with_name("tests")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_fault_can_be_planted_and_the_tests_that_notice_it_are_there(mutant: Mutant) -> None:
    assert mutant.planted(SOURCE) != (SOURCE / "harka" / mutant.file).read_text()
    assert [path for path in mutant.tests if not (TESTS.parent / path).exists()] == []


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
