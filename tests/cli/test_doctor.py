from pathlib import Path

import msgspec
import pytest

from cli.running import harka
from harka.cli import doctor
from harka.cli.doctor import State, examine
from harka.cli.embedded.directory import claim
from harka.config import Settings


def found(settings: Settings, data: Path) -> dict[str, tuple[State, str]]:
    return {each.subject: (each.state, each.detail) for each in examine(settings, data)}


def test_a_machine_without_data_is_healthy(data: Path) -> None:
    states = found(Settings(), data)
    assert {state for state, _ in states.values()} <= {State.OK, State.NOTE}
    assert states["postgresql"][1].startswith("18.")
    assert "not running" in states["database"][1]
    assert "first `harka up`" in states["data"][1]


def test_what_answers_is_healthy(settings: Settings, data: Path) -> None:
    states = found(settings, data)
    assert states["database"] == (State.OK, "answers")
    assert states["migrations"] == (State.OK, "none pending")
    assert states["cache"] == (State.OK, "answers")
    assert "postgresql" not in states


def test_what_does_not_answer_is_broken(data: Path) -> None:
    nowhere = Settings(
        database_url="postgresql://harka_control@127.0.0.1:1/harka",
        redis_url="redis://127.0.0.1:1",
        secret="ab" * 32,
    )
    states = found(nowhere, data)
    assert [states[each][0] for each in ("database", "migrations", "cache")] == [State.BAD] * 3


def test_without_xmlsec1_it_is_told_who_is_kept_out(data: Path) -> None:
    state, detail = found(Settings(xmlsec1="/nowhere"), data)["xmlsec1"]
    assert (state, "SAML" in detail) == (State.NOTE, True)


def test_missing_programs_are_named(data: Path) -> None:
    states = found(Settings(pg_bin="/nowhere", valkey_bin="/nowhere"), data)
    assert states["postgresql"][0] is State.BAD
    assert "HARKA_PG_BIN" in states["postgresql"][1]
    assert "HARKA_VALKEY_BIN" in states["valkey"][1]


def test_a_deployment_needs_its_own_secret(settings: Settings, data: Path) -> None:
    states = found(msgspec.structs.replace(settings, secret=""), data)
    assert states["secret"][0] is State.BAD


def test_it_says_which_fast_path_serves(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "COMPILED", True)
    assert found(Settings(), data)["fast path"] == (State.OK, "compiled")
    monkeypatch.setattr(doctor, "COMPILED", False)
    state, said = found(Settings(), data)["fast path"]
    assert (state, said.partition(":")[0]) == (State.NOTE, "pure Python")


def test_a_directory_in_use_but_not_up_yet_is_reported(data: Path) -> None:
    with claim(data):
        assert found(Settings(), data)["servers"][0] is State.NOTE


def test_the_exit_code_tells_a_script(settings: Settings, data: Path) -> None:
    assert harka(settings, "doctor", "--data", str(data)).returncode == 0
    broken = harka(Settings(pg_bin="/nowhere"), "doctor", "--data", str(data))
    assert broken.returncode == 1
    assert "bad" in broken.stdout
