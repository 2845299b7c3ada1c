import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harka.cli.main import assemble
from harka.config import Settings, load, texts

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def shown(*arguments: str) -> str:
    return CliRunner().invoke(assemble(["config"]), ["config", *arguments]).stdout


def test_the_committed_table_is_the_one_of_the_code() -> None:
    assert DOCUMENT.read_text() == shown("--markdown"), (
        "run: ./harka config --markdown > docs/configuration.md"
    )


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in texts(Settings()):
        monkeypatch.delenv(name, raising=False)


def test_every_setting_is_shown_in_the_order_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown().splitlines()
    named = re.findall(r"^\| `(HARKA_\w+)`", DOCUMENT.read_text(), re.MULTILINE)
    assert [line.partition("=")[0] for line in lines] == named
    assert {"HARKA_PORT=8000", "HARKA_GRAPHIQL=true", "HARKA_DATABASE_URL=", "HARKA_SECRET="} <= set(lines)
    monkeypatch.setenv("HARKA_PORT", "8123")
    assert "HARKA_PORT=8123" in shown().splitlines()


def test_what_is_shown_can_be_set_again() -> None:
    assert load(dict(line.split("=", 1) for line in shown().splitlines())) == Settings()


def test_secrets_and_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARKA_SECRET", "ab" * 32)
    monkeypatch.setenv("HARKA_DATABASE_URL", "postgresql://harka:hunter2?@db/harka")
    monkeypatch.setenv("HARKA_APP_DATABASE_URL", "postgresql://db/harka?password=hunter2")
    monkeypatch.setenv("HARKA_SHARD_DATABASES", "a=postgresql://db/a,b=postgresql://u:hunter2@db/b")
    monkeypatch.setenv("HARKA_REDIS_URL", "rediss://:hunter2@cache")
    monkeypatch.setenv("HARKA_FILES_URL", "s3://bucket")
    lines = shown().splitlines()
    assert {
        "HARKA_SECRET=…",
        "HARKA_DATABASE_URL=postgresql://…",
        "HARKA_APP_DATABASE_URL=postgresql://…",
        "HARKA_SHARD_DATABASES=a=postgresql://…",
        "HARKA_REDIS_URL=rediss://…",
        "HARKA_FILES_URL=s3://bucket",
    } <= set(lines)
    assert "hunter2" not in "\n".join(lines)
