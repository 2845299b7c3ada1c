import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from cli.waiting import text, until, wait_until
from harka.cli.embedded import servers
from harka.cli.embedded.directory import claim
from harka.cli.embedded.process import ServerError
from harka.cli.embedded.servers import Embedded
from harka.config import Settings
from harka.storage.migrate import connected

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

RUN = """
import sys, signal
from pathlib import Path
from harka.cli.embedded.directory import claim
from harka.cli.embedded.servers import Embedded
from harka.config import Settings
with claim(Path(sys.argv[1])) as directory, Embedded(Settings(), directory, durable=True) as embedded:
    embedded.wait()
    print(embedded.sockets, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def owning(data: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that runs the servers, and where they listen."""
    command = [sys.executable, "-c", RUN, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        yield owner, Path(owner.stdout.readline().strip())


def running(directory: Path) -> list[int]:
    """Servers whose command line or directory says that they work there."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if (entry / "exe").readlink().name in {"postgres", "valkey-server"}:
                place = [(entry / "cmdline").read_bytes(), os.fsencode((entry / "cwd").readlink())]
                if any(os.fsencode(directory) in text for text in place):
                    found.append(int(entry.name))
    return found


async def ask(embedded: Embedded, sql: str) -> object:
    assert embedded.admin_url is not None
    async with connected(embedded.admin_url) as connection:
        return await connection.fetchval(sql)


async def test_both_come_up_and_go_away_with_everything_they_made(data: Path) -> None:
    with claim(data) as directory, Embedded(Settings(), directory, durable=False) as embedded:
        embedded.wait()
        assert len(running(data)) >= 2
        assert await ask(embedded, "SELECT current_setting('listen_addresses')") == ""
        sockets = embedded.sockets
    assert running(data) == []
    assert not sockets.exists()
    assert not (data / "run.json").exists()


async def test_a_killed_owner_leaves_no_orphan_and_loses_nothing(data: Path) -> None:
    with owning(data) as (owner, sockets):
        assert len(running(data)) >= 2
        async with connected(servers.admin_url(sockets)) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        owner.kill()
    await until(lambda: not running(data))
    with claim(data) as directory, Embedded(Settings(), directory) as embedded:
        embedded.wait()
        assert await ask(embedded, "SELECT answer FROM kept") == 42
    assert not sockets.exists()  # the dead owner's, cleaned up


async def test_a_start_right_after_the_kill_waits_for_the_old_ones(data: Path) -> None:
    with owning(data) as (owner, _):
        owner.kill()
    with claim(data) as directory, Embedded(Settings(), directory) as embedded:
        embedded.wait()
        assert await ask(embedded, "SELECT 1") == 1


async def test_a_start_waits_for_the_backends_of_a_killed_postgresql(data: Path) -> None:
    with owning(data) as (owner, sockets):
        async with connected(servers.admin_url(sockets)) as connection:
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            os.kill(backend, signal.SIGSTOP)
            postmaster = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
            owner.kill()
            owner.wait()
            connection.terminate()

    def go_on_once_it_was_tried_again(record: str) -> None:
        try:
            wait_until(lambda: text(data / "processes.json") != record)
        finally:
            os.kill(backend, signal.SIGCONT)

    with claim(data) as directory, Embedded(Settings(), directory) as embedded, ThreadPoolExecutor() as aside:
        going_on = aside.submit(go_on_once_it_was_tried_again, text(data / "processes.json"))
        await until(lambda: "is still in use" in text(data / "postgres.log"))
        embedded.wait()
        going_on.result()
        assert await ask(embedded, "SELECT 1") == 1
        assert embedded.ready
    assert "still in use" not in text(data / "postgres.log.1"), "what the killed one said last is kept"


async def test_one_killed_while_it_initializes_starts_over(data: Path) -> None:
    with claim(data) as directory:
        (directory / "postgres.new").mkdir()
        (directory / "postgres.new" / "PG_VERSION").write_text("18\n")
        with Embedded(Settings(), directory, durable=False) as embedded:
            embedded.wait()
            assert await ask(embedded, "SELECT 1") == 1


async def test_a_server_that_dies_is_started_again_at_the_same_address(data: Path) -> None:
    with claim(data) as directory, Embedded(Settings(), directory, durable=False) as embedded:
        embedded.wait()
        assert embedded.revive() == []
        postmaster = int((directory / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGQUIT)
        said: list[str] = []
        await until(lambda: said.extend(embedded.revive()) or said)
        assert "postgres exited" in said[0]
        embedded.wait()
        assert await ask(embedded, "SELECT 1") == 1


def test_what_a_url_names_is_not_started(data: Path) -> None:
    given = Settings(database_url="postgresql://elsewhere/harka", redis_url="redis://elsewhere")
    with claim(data) as directory, Embedded(given, directory) as embedded:
        embedded.wait()
        assert embedded.admin_url is None
        assert running(data) == []
        filled = embedded.settings
        assert (filled.database_url, filled.redis_url) == (given.database_url, given.redis_url)


def test_gaps_in_the_settings_are_filled(data: Path) -> None:
    with claim(data) as directory:
        filled = servers.connected_settings(Settings(), directory, Path("/run/harka-x"))
        assert filled.database_url == "postgresql://harka_control@/harka?host=/run/harka-x/pg"
        assert filled.app_database_url == "postgresql://harka_app@/harka?host=/run/harka-x/pg"
        assert filled.redis_url == "unix:///run/harka-x/valkey.sock"
        assert filled.files_url == (directory / "files").as_uri()
        again = servers.connected_settings(Settings(secret="ab" * 32), directory, Path("/run/harka-x"))
        assert again.secret == "ab" * 32
        assert len(filled.secret) == 64


def test_data_that_are_not_a_database_are_an_error_that_says_so(data: Path) -> None:
    with claim(data) as directory:
        (directory / "postgres").mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory / "postgres", 65534, 65534)
        with (
            pytest.raises(ServerError, match="postgres exited"),
            Embedded(Settings(), directory) as embedded,
        ):
            embedded.wait()
    assert running(data) == []


def test_a_missing_program_starts_nothing(data: Path) -> None:
    given = msgspec.structs.replace(Settings(), valkey_bin="/nowhere")
    with claim(data) as directory:
        with pytest.raises(ServerError, match="HARKA_VALKEY_BIN"), Embedded(given, directory):
            pass
        assert running(data) == []
