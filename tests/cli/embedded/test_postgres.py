import os
from pathlib import Path

import pytest

from harka.cli.embedded import postgres
from harka.cli.embedded.directory import Account
from harka.cli.embedded.process import ServerError
from harka.config import Settings


def test_the_wheel_brings_postgresql_18() -> None:
    assert int(postgres.version(postgres.find_programs(Settings())).split(".")[0]) == 18


def test_a_directory_without_the_programs_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"HARKA_PG_BIN.*holds no program `postgres`"):
        postgres.find_programs(Settings(pg_bin=str(tmp_path)))


def test_an_older_server_is_refused_before_it_makes_any_data(tmp_path: Path) -> None:
    old = tmp_path / "postgres"
    old.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.2'\n")
    old.chmod(0o755)
    with pytest.raises(ServerError, match="18 or later is needed"):
        postgres.initialize(tmp_path, tmp_path / "data", None, durable=True)
    assert list(tmp_path.iterdir()) == [old]


def test_it_listens_on_its_private_socket_alone(tmp_path: Path) -> None:
    arguments = postgres.serve(tmp_path, tmp_path / "data", tmp_path / "run", None, durable=True).arguments
    assert "listen_addresses=" in arguments
    assert f"unix_socket_directories={tmp_path / 'run'}" in arguments


def test_only_tests_run_without_forcing_to_disk(tmp_path: Path) -> None:
    durable = postgres.serve(tmp_path, tmp_path, tmp_path, None, durable=True).arguments
    assert "fsync=off" not in durable
    assert "fsync=off" in postgres.serve(tmp_path, tmp_path, tmp_path, None, durable=False).arguments


def test_a_stale_pid_file_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n/data\n")
    program = postgres.serve(tmp_path, tmp_path, tmp_path, None, durable=True)
    assert program.environment == {"PG_GRANDPARENT_PID": str(os.getpid())}


def test_it_accepts_connections_when_its_own_pid_file_says_ready(tmp_path: Path) -> None:
    assert not postgres.accepts_connections(tmp_path, 7)
    lines = ["7", "/data", "1", "5432", "/run", "", "1 2", "starting"]
    (tmp_path / "postmaster.pid").write_text("\n".join(lines))
    assert not postgres.accepts_connections(tmp_path, 7)
    (tmp_path / "postmaster.pid").write_text("\n".join([*lines[:7], "ready   ", ""]))
    assert postgres.accepts_connections(tmp_path, 7)
    assert not postgres.accepts_connections(tmp_path, 8)


def test_programs_out_of_reach_are_copied_once_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = postgres.find_programs(Settings())
    assert postgres.within_reach(programs, None, tmp_path) == programs
    monkeypatch.setattr(postgres, "reachable_by_others", lambda _: False)
    copied = postgres.within_reach(programs, Account(65534, 65534), tmp_path)
    assert copied.is_relative_to(tmp_path)
    assert postgres.version(copied) == postgres.version(programs)
    assert postgres.within_reach(programs, Account(65534, 65534), tmp_path) == copied
