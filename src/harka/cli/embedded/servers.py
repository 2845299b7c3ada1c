"""Both embedded servers over one claimed data directory, as the URLs that the rest of the system is given."""

import contextlib
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from harka.cli.embedded import postgres, process, valkey
from harka.cli.embedded.directory import secret, unprivileged, write_private
from harka.cli.embedded.process import Child, ServerError
from harka.cli.signals import held_back
from harka.config import Settings
from harka.storage.location import APP_ROLE, CONTROL_ROLE, OWNER_ROLE

CATALOG: Final = "harka"
"""Name of the database that holds the catalog and the shards."""
_START_TIMEOUT: Final = 60.0  # crash recovery included
_STOP_TIMEOUT: Final = 20.0
_AGAIN: Final = 0.1
_SOCKET_PATH_MAX: Final = 103  # 104 bytes on macOS, 108 on Linux, with the closing NUL


class Embedded:
    """A context: `start` on entering, `stop` on leaving. What a URL in the settings names is not started."""

    def __init__(self, settings: Settings, directory: Path, *, durable: bool = True) -> None:
        self._given = settings
        self._durable = durable
        self.directory = directory
        self.sockets = Path()
        self._initializing: Child | None = None
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def settings(self) -> Settings:
        """The given ones, with every gap filled."""
        return connected_settings(self._given, self.directory, self.sockets)

    @property
    def admin_url(self) -> str | None:
        """Superuser of the embedded PostgreSQL; None when the database is somebody else's."""
        return None if self._given.database_url else admin_url(self.sockets)

    def start(self) -> None:
        """Set the servers going; they come up while the caller does something else, until `wait`."""
        process.stop_orphans(self._record, _STOP_TIMEOUT)
        self.sockets = self._make_sockets()
        if self._given.database_url is None:
            self._start_postgres()
        if self._given.redis_url is None:
            self._start_valkey()

    def wait(self) -> None:
        """Return when both answer. Raise `ServerError` with the reason when one does not."""
        if self._initializing is not None:
            self._finish_initializing(self._initializing)
        for number in range(len(self._children)):
            self._until_ready(number)

    @property
    def ready(self) -> bool:
        """Whether both run and answer."""
        return self._initializing is None and all(
            child.alive and self._ready(child) for child in self._children
        )

    def revive(self) -> list[str]:
        """Start again what has died; returns what it said. Call it now and then, from the main thread."""
        said = []
        for number, child in enumerate(self._children):
            if not child.alive:
                said.append(child.failure())
                self._start_again(number)
        return said

    def stop(self) -> None:
        if self._initializing is not None:
            process.stop([self._initializing], _STOP_TIMEOUT)
            process.kill_group(self._initializing)
        process.stop(self._children, _STOP_TIMEOUT)
        self._children.clear()
        for leftover in (self._record, self._run_file):
            leftover.unlink(missing_ok=True)
        if self.sockets.name:
            shutil.rmtree(self.sockets, ignore_errors=True)

    @property
    def _record(self) -> Path:
        return self.directory / "processes.json"

    @property
    def _run_file(self) -> Path:
        return self.directory / "run.json"

    def _make_sockets(self) -> Path:
        """A private directory with a short name: the data directory's may exceed a socket address."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            stale = running_sockets(self.directory)
            if stale is not None and stale.name.startswith("harka-"):
                shutil.rmtree(stale, ignore_errors=True)
        for place in ("/tmp", "/var/tmp", tempfile.gettempdir()):  # noqa: S108 - mkdtemp makes a private one
            with contextlib.suppress(OSError):
                sockets = Path(tempfile.mkdtemp(prefix="harka-", dir=place))
                break
        else:
            raise ServerError("no temporary directory is writable")
        if len(bytes(self._postgres_sockets(sockets) / f".s.PGSQL.{postgres.PORT}")) > _SOCKET_PATH_MAX:
            raise ServerError(f"{sockets} is too long a name for a directory of sockets")
        write_private(self._run_file, msgspec.json.encode({"sockets": str(sockets)}).decode())
        return sockets

    @staticmethod
    def _postgres_sockets(sockets: Path) -> Path:
        return sockets / "pg"

    def _start_postgres(self) -> None:
        account = unprivileged()
        programs = postgres.within_reach(postgres.find_programs(self._given), account, self.directory)
        if account is not None:
            self.sockets.chmod(0o711)
        own = self._postgres_sockets(self.sockets)
        own.mkdir(mode=0o700)
        postgres.give_to(account, own)
        data = postgres.within_length(_postgres_data(self.directory), self.sockets / "data")
        self._serve_postgres = postgres.serve(programs, data, own, account, durable=self._durable)
        if _postgres_data(self.directory).exists():
            self._run(self._serve_postgres)
        else:
            program = postgres.initialize(programs, data, account, durable=self._durable)
            with held_back():
                self._initializing = process.start(program)

    def _finish_initializing(self, child: Child) -> None:
        process.wait_until(child, lambda: not child.alive and child.process.returncode == 0, _START_TIMEOUT)
        postgres.fresh_data(_postgres_data(self.directory)).rename(_postgres_data(self.directory))
        self._initializing = None
        self._run(self._serve_postgres)

    def _start_valkey(self) -> None:
        data = self.directory / "valkey"
        data.mkdir(mode=0o700, exist_ok=True)
        program = valkey.find_program(self._given)
        self._run(valkey.serve(program, data, self.sockets, durable=self._durable))

    def _run(self, program: process.Program) -> None:
        with held_back():
            self._children.append(process.start(program))
        process.record(self._children, self._record)

    def _until_ready(self, number: int) -> None:
        until = time.monotonic() + _START_TIMEOUT
        while True:
            child = self._children[number]
            try:
                return process.wait_until(child, partial(self._ready, child), _START_TIMEOUT)
            except ServerError:
                if not child.was_early or time.monotonic() > until:
                    raise
            time.sleep(_AGAIN)
            with held_back():
                self._start_again(number)

    def _start_again(self, number: int) -> None:
        """A running loop holds signals back itself, and would hear them twice of `held_back`."""
        self._children[number] = process.start(self._children[number].program)
        process.record(self._children, self._record)

    def _ready(self, child: Child) -> bool:
        if child.program.name == "postgres":
            return postgres.accepts_connections(_postgres_data(self.directory), child.process.pid)
        return valkey.answers(self.sockets)


def connected_settings(settings: Settings, directory: Path, sockets: Path) -> Settings:
    """`settings` with the embedded servers wherever they name none, and what is kept beside the data."""
    gaps: dict[str, str] = {}
    if settings.database_url is None:
        gaps |= {
            "database_url": _url(CONTROL_ROLE, sockets),
            "app_database_url": _url(APP_ROLE, sockets),
            "admin_database_url": _url(OWNER_ROLE, sockets),
        }
    if settings.redis_url is None:
        gaps["redis_url"] = f"unix://{valkey.socket_path(sockets)}"
    if not settings.secret:
        gaps["secret"] = secret(directory)
    if settings.files_url is None:
        files = directory / "files"
        files.mkdir(mode=0o700, exist_ok=True)
        gaps["files_url"] = files.as_uri()
    if settings.smtp_url is None and settings.mail_outbox is None:
        gaps["mail_outbox"] = str(directory / "outbox")
    return msgspec.structs.replace(settings, **gaps)


def admin_url(sockets: Path) -> str:
    return _url(postgres.SUPERUSER, sockets, database="postgres")


def has_data(directory: Path) -> bool:
    """Whether a PostgreSQL has been made there."""
    return _postgres_data(directory).is_dir()


def _postgres_data(directory: Path) -> Path:
    return directory / "postgres"


def running_sockets(directory: Path) -> Path | None:
    """Where the servers of a directory listen, as whoever runs them wrote down; None when nobody does."""
    try:
        return Path(
            msgspec.json.decode((directory / "run.json").read_bytes(), type=dict[str, str])["sockets"]
        )
    except (FileNotFoundError, KeyError):
        return None


def _url(role: str, sockets: Path, database: str = CATALOG) -> str:
    return f"postgresql://{role}@/{database}?host={sockets / 'pg'}"
