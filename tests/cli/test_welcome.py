from pathlib import Path

import pytest

from harka.cli import welcome
from harka.config import Settings
from harka.onboarding.demo import DemoSummary, DemoTenant

KEY = "hk_" + "k" * 12 + "_" + "s" * 43


def tenant(slug: str, key: str | None) -> DemoTenant:
    return DemoTenant(slug, slug.title(), "STARTER", "POOL", 1234, key)


def test_it_says_where_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    welcome.ready(Settings(port=8001), Path("/data"), seconds=1.234)
    said = capsys.readouterr().out
    assert "serves at http://harka.localhost:8001 after 1.2 s" in said
    assert "/data" in said


@pytest.mark.parametrize("compiled", [True, False])
def test_it_is_honest_about_the_fast_path(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, compiled: bool
) -> None:
    monkeypatch.setattr(welcome, "COMPILED", compiled)
    welcome.ready(Settings(), Path("/data"), seconds=1)
    assert ("pure Python" in capsys.readouterr().out) is not compiled


def test_a_tenants_line_is_whole_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    summary = DemoSummary((tenant("large", None), tenant("small", KEY)), {})
    welcome.tenants(Settings(), summary)
    lines = capsys.readouterr().out.splitlines()
    small = next(line for line in lines if "http://small." in line)
    assert [each in small for each in ("STARTER", "POOL", "1,234", KEY)] == [True] * 4
    assert "revoked" in next(line for line in lines if "http://large." in line)


def test_the_example_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    welcome.tenants(Settings(), DemoSummary((tenant("small", KEY),), {}))
    example = capsys.readouterr().out.splitlines()[-1]
    assert "curl -s http://small.harka.localhost:8000/graphql" in example
    assert f"X-API-Key: {KEY}" in example


def test_without_tenants_it_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    welcome.tenants(Settings(), DemoSummary((), {}))
    assert "harka tenant create" in capsys.readouterr().out
