from pathlib import Path

import pytest

from harka.onboarding.dataset import SHIPPED, Dataset, Outcome, read


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return read()


def test_every_published_row_is_read(dataset: Dataset) -> None:
    assert len(dataset.presentations) == 22
    assert len(dataset.assessments) == 206
    assert len(dataset.registrations) == 32_593
    assert len(dataset.results) == 173_912
    assert len({row.learner for row in dataset.registrations}) == 28_785


def test_unknown_days_and_scores_are_none(dataset: Dataset) -> None:
    assert sum(row.day is None for row in dataset.assessments) == 11
    assert sum(row.score is None for row in dataset.results) == 173


def test_no_learner_has_two_regions(dataset: Dataset) -> None:
    assert len({(row.learner, row.region) for row in dataset.registrations}) == 28_785


def test_every_result_belongs_to_a_registration(dataset: Dataset) -> None:
    presentation = {row.id: (row.module, row.presentation) for row in dataset.assessments}
    registered = {(row.learner, row.module, row.presentation) for row in dataset.registrations}
    assert {(row.learner, *presentation[row.assessment]) for row in dataset.results} <= registered


def test_outcomes_are_read_as_published(dataset: Dataset) -> None:
    counts = {outcome: sum(row.outcome is outcome for row in dataset.registrations) for outcome in Outcome}
    assert counts == {
        Outcome.PASS: 12_361,
        Outcome.DISTINCTION: 3_024,
        Outcome.FAIL: 7_052,
        Outcome.WITHDRAWN: 10_156,
    }


def test_a_directory_without_the_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path)


def test_the_shipped_files_stay_small_and_name_their_source() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1_500_000
    readme = (SHIPPED / "README.md").read_text()
    assert "CC BY 4.0" in readme
    assert "Kuzilek" in readme
