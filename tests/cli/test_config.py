from pathlib import Path

import pytest
from typer.testing import CliRunner

from harka.cli.main import assemble

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def shown(*arguments: str) -> str:
    return CliRunner().invoke(assemble(["config"]), ["config", *arguments]).stdout


def test_the_committed_table_is_the_one_of_the_code() -> None:
    assert DOCUMENT.read_text() == shown("--markdown"), (
        "run: ./harka config --markdown > docs/configuration.md"
    )


def test_what_differs_from_its_default_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARKA_PORT", "8123")
    assert "HARKA_PORT=8123\n" in shown()


def test_secrets_and_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARKA_SECRET", "ab" * 32)
    monkeypatch.setenv("HARKA_DATABASE_URL", "postgresql://harka:hunter2@db/harka")
    assert "HARKA_SECRET=…\n" in shown()
    assert "hunter2" not in shown()
