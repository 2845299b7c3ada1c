"""A real transaction-pooling PgBouncer before the tests' PostgreSQL.

Debian 12's version is 1.18, before it learned of prepared statements: the strictest one there is.
The program is `$HARKA_TEST_PGBOUNCER`, else where Debian puts it. Tests that need it skip without, but fail
where `CI` or `HARKA_REQUIRE_PGBOUNCER` is set.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from harka.config import Settings
from harka.storage.location import APP_ROLE, CONTROL_ROLE, app_url, catalog_url, with_database

PORT = 6432
_PLACES = (os.environ.get("HARKA_TEST_PGBOUNCER"), "/usr/sbin/pgbouncer")
_START_TIMEOUT = 10.0
_NO = {"", "0", "false", "no"}


def find_pgbouncer() -> Path | None:
    return next((Path(place) for place in _PLACES if place and os.access(place, os.X_OK)), None)


def is_required() -> bool:
    """Whether a missing PgBouncer is a failure: what CI skips, nobody tests."""
    return any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_PGBOUNCER"))


needs_pgbouncer = pytest.mark.skipif(find_pgbouncer() is None and not is_required(), reason="no PgBouncer")


@contextmanager
def pooled(settings: Settings, *, connections: int = 4) -> Iterator[Settings]:
    """`settings` whose catalog and app databases go through a pooler with `connections` server connections.

    Migrations and notifications keep their direct connections, as they must.
    """
    program = find_pgbouncer()
    if program is None:
        pytest.fail("no PgBouncer, but CI or HARKA_REQUIRE_PGBOUNCER is set: install Debian's pgbouncer")
    # a short name: socket addresses hold about 100 bytes
    directory = Path(tempfile.mkdtemp(prefix="harka-pgb-", dir="/tmp"))
    process = _start(program, directory, _server_socket(settings), connections)
    try:
        _wait(process, directory)
        yield msgspec.structs.replace(
            settings,
            database_url=_through(catalog_url(settings), CONTROL_ROLE, directory),
            app_database_url=_through(app_url(settings, "app"), APP_ROLE, directory),
            listen_database_url=catalog_url(settings),
            statement_cache_size=0,
        )
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


def _start(program: Path, directory: Path, server: str, connections: int) -> subprocess.Popen[bytes]:
    (directory / "users.txt").write_text(f'"{APP_ROLE}" ""\n"{CONTROL_ROLE}" ""\n')
    (directory / "pgbouncer.ini").write_text(
        f"""
[databases]
* = host={server}
[pgbouncer]
unix_socket_dir = {directory}
unix_socket_mode = 0777
listen_port = {PORT}
auth_type = trust
auth_file = {directory}/users.txt
pool_mode = transaction
ignore_startup_parameters = plan_cache_mode
default_pool_size = {connections}
max_client_conn = 300
logfile = {directory}/log
"""
    )
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        # PgBouncer refuses to run as root, and the server's socket belongs to its own user
        owner = Path(server).stat()
        account = {"user": pwd.getpwuid(owner.st_uid).pw_uid, "group": owner.st_gid, "extra_groups": []}
        for path in (directory, *directory.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)
    return subprocess.Popen(
        [program, "-q", directory / "pgbouncer.ini"], **account, stderr=subprocess.DEVNULL
    )


def _wait(process: subprocess.Popen[bytes], directory: Path) -> None:
    give_up = time.monotonic() + _START_TIMEOUT
    while not (directory / f".s.PGSQL.{PORT}").exists():
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError((directory / "log").read_text())
        time.sleep(0.01)


def _server_socket(settings: Settings) -> str:
    return parse_qs(urlsplit(catalog_url(settings)).query)["host"][0]


def _through(url: str, role: str, directory: Path) -> str:
    return with_database(
        f"postgresql://{role}@/x?host={directory}&port={PORT}", urlsplit(url).path.removeprefix("/")
    )
