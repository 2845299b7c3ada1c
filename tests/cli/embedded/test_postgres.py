import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from harka.cli.embedded import directory, postgres
from harka.cli.embedded.directory import Account, DataDirectoryError, claim, unprivileged
from harka.cli.embedded.process import ServerError
from harka.cli.embedded.servers import Embedded
from harka.config import Settings
from harka.storage.migrate import connected


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


ODD = {"special": 'a "b" $HOME `id` c\\d', "long": "/".join(["x" * 250] * 5)}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD.keys())
async def test_programs_and_data_may_lie_in_any_place(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = data.parents[1]
    monkeypatch.setattr(directory, "_SHARED_TEMPORARY", place)
    wheel = postgres.find_programs(Settings()).parents[1]
    odd = place / name / wheel.name
    shutil.copytree(wheel, odd, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    for libraries in wheel.parent.glob(f"{wheel.name}.libs"):
        shutil.copytree(libraries, odd.parent / libraries.name)
    programs = odd / "pginstall" / "bin"
    given = Settings(pg_bin=str(programs))
    with claim(odd.parent / "data") as where, Embedded(given, where, durable=False) as embedded:
        embedded.wait()
        assert embedded.admin_url is not None
        async with connected(embedded.admin_url) as connection:
            assert await connection.fetchval("SELECT 1") == 1
    assert (where / "postgres" / "PG_VERSION").exists()
    assert (where / "postgres.log").exists()
    (copies,) = place.glob("harka-*")
    assert copies.stat().st_mode & 0o077 == (0o011 if os.geteuid() == 0 else 0)
    used = postgres.within_reach(programs, unprivileged(), where)
    assert used.is_relative_to(copies)
    assert postgres.within_reach(programs, unprivileged(), where) == used
    assert len(list(copies.glob("postgres-*"))) == 1


async def test_its_log_tells_little_of_a_clients_mistakes_and_that_to_its_owner_only(data: Path) -> None:
    mistakes = 50
    with claim(data) as where, Embedded(Settings(), where, durable=False) as embedded:
        embedded.wait()
        log = where / "postgres.log"
        assert embedded.admin_url is not None
        async with connected(embedded.admin_url) as connection:
            await connection.execute("CREATE TABLE people (email text PRIMARY KEY)")
            await connection.execute("INSERT INTO people VALUES ('ada@example.org')")
            before = log.stat().st_size
            for _ in range(mistakes):
                with pytest.raises(asyncpg.UniqueViolationError):
                    await connection.execute("INSERT INTO people VALUES ($1)", "ada@example.org")
        grown = log.stat().st_size - before
        assert "duplicate key" in log.read_text()
        assert "ada@example.org" not in log.read_text()
        assert "INSERT" not in log.read_text()
        assert grown < 150 * mistakes
        assert [each.stat().st_mode & 0o777 for each in where.glob("*.log")] == [0o600] * 3


@pytest.mark.parametrize("part", ["x" * 200, "ä" * 100])
def test_a_data_directory_beyond_all_measure_is_one_line_that_names_the_option(data: Path, part: str) -> None:
    expected = pytest.raises(DataDirectoryError, match="too long; name a shorter one with --data")
    with expected as refused, claim(data / "/".join([part] * 19)):
        pass
    assert "\n" not in refused.value.message
    assert not data.exists()
