"""Servers of a run's own: an embedded PostgreSQL and Valkey in a temporary folder, and programs beside them.

Everything listens on loopback, and everything ends with the block that started it.
"""

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from harka import config
from harka.cli.embedded import process
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.process import Child, Program, ServerError
from harka.cli.embedded.servers import Embedded
from harka.config import Settings

LOOPBACK: Final = "127.0.0.1"
SERVE: Final = (sys.executable, "-P", str(Path(__file__).with_name("unthrottled.py")), "serve")
_START_TIMEOUT: Final = 60.0
_STOP_TIMEOUT: Final = 15.0


class Stage(msgspec.Struct, frozen=True):
    """`settings`: of the servers, migrated and empty. `directory`: for logs, removed in the end."""

    settings: Settings
    admin_url: str
    directory: Path

    @contextlib.contextmanager
    def running(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], *, ready: str
    ) -> Iterator[Child]:
        """A program, from its first answer at the address `ready` on; its output is in `<name>.log`."""
        program = Program(
            name=name,
            arguments=tuple(arguments),
            log=self.directory / f"{name}.log",
            stop_signal=signal.SIGTERM,
            environment=dict(environment),
        )
        child = process.start(program)
        try:
            _await_answer(child, ready)
            yield child
        finally:
            process.stop([child], _STOP_TIMEOUT)

    @contextlib.contextmanager
    def serving(self, port: int, *, workers: int = 1) -> Iterator[Child]:
        """`harka serve` with everything on: metrics, quotas out of reach, a logged line a request."""
        arguments = [*SERVE, "--host", LOOPBACK, "--port", str(port), "--workers", str(workers)]
        environment = config.environment(self.settings)
        ready = f"http://{LOOPBACK}:{port}/readyz"
        with self.running("harka", arguments, environment, ready=ready) as child:
            yield child


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    # not below a home directory: PostgreSQL runs as another user when we are root
    directory = Path(tempfile.mkdtemp(prefix="harka-stage-", dir="/var/tmp"))
    directory.chmod(0o755)
    given = config.load()
    programs = Settings(pg_bin=given.pg_bin, valkey_bin=given.valkey_bin)
    try:
        with Embedded(programs, directory, durable=False) as embedded:
            embedded.wait()
            admin_url = embedded.admin_url
            assert admin_url is not None
            settings = msgspec.structs.replace(embedded.settings, metrics_port=0)
            asyncio.run(prepare(settings, admin_url))
            yield Stage(settings, admin_url, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(child: Child, address: str) -> None:
    """Raise `ServerError` with the end of the program's log."""
    try:
        process.wait_until(child, lambda: _answers(address), _START_TIMEOUT)
    except ServerError as error:
        # its log goes with the folder
        raise ServerError(f"{error}\n{child.program.log.read_text(errors='replace')[-2000:]}") from None


def _answers(address: str) -> bool:
    """Whether a server is there and sees no fault of its own; some know no address for such a question."""
    try:
        with urllib.request.urlopen(address, timeout=1.0):  # noqa: S310 - an address on loopback that we made
            return True
    except urllib.error.HTTPError as error:
        return error.code < HTTPStatus.INTERNAL_SERVER_ERROR
    except OSError:
        return False
