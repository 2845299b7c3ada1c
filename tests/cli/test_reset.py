from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harka.cli.embedded.directory import DataDirectoryError, DataDirectoryInUseError, claim
from harka.cli.main import assemble


def reset(data: Path, *arguments: str, answer: str = "") -> Any:
    return CliRunner().invoke(assemble(["reset"]), ["reset", "--data", str(data), *arguments], input=answer)


@pytest.fixture
def used(data: Path) -> Path:
    with claim(data) as directory:
        (directory / "secret").write_text("x")
    return data


def test_everything_goes_when_confirmed(used: Path) -> None:
    assert reset(used, answer="y\n").exit_code == 0
    assert not used.exists()


def test_everything_stays_when_not(used: Path) -> None:
    assert reset(used, answer="n\n").exit_code == 1
    assert (used / "secret").exists()


def test_nobody_is_asked_with_yes(used: Path) -> None:
    assert reset(used, "--yes").exit_code == 0
    assert not used.exists()


def test_it_is_refused_while_somebody_uses_it(used: Path) -> None:
    with claim(used):
        assert isinstance(reset(used, "--yes").exception, DataDirectoryInUseError)
    assert (used / "secret").exists()


def test_a_directory_of_something_else_is_left_alone(data: Path) -> None:
    data.mkdir(parents=True)
    (data / "thesis.tex").write_text("")
    assert isinstance(reset(data, "--yes").exception, DataDirectoryError)
    assert (data / "thesis.tex").exists()


def test_nothing_is_deleted_where_nothing_is(data: Path) -> None:
    assert "nothing there" in reset(data, "--yes").stdout
