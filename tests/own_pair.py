"""A Valkey of a test's own with a replica, both behind one address that is moved from one to the other."""

import contextlib
import shutil
import signal
import tempfile
from pathlib import Path

import msgspec
from redis import Redis

from harka.cli.embedded import process, valkey
from harka.cli.embedded.process import Child
from harka.config import Settings
from own_cluster import free_ports

_TIMEOUT = 20.0


class _Server:
    """On a Unix socket, and on a port for the other one."""

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._directory = directory
        data = directory / "data"
        data.mkdir(parents=True)
        program = valkey.serve(valkey.find_program(Settings()), data, directory, durable=False)
        # the last one given counts
        more = ("--bind", "127.0.0.1", "--port", str(port), "--repl-diskless-sync-delay", "0")
        program = msgspec.structs.replace(program, arguments=(*program.arguments, *more))
        self.child: Child = process.start(program)
        process.wait_until(self.child, lambda: valkey.answers(directory), _TIMEOUT)
        self.client = Redis(unix_socket_path=str(self.socket))

    @property
    def socket(self) -> Path:
        return valkey.socket_path(self._directory)

    def follows(self) -> bool:
        """Whether it has all that its primary has."""
        return self.client.info("replication").get("master_link_status") == "up"


class OwnPair:
    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))
        ports = free_ports(2)
        self.primary, self.replica = (
            _Server(self._directory / name, port) for name, port in zip("ab", ports, strict=True)
        )
        self._address = self._directory / "address"
        self._address.symlink_to(self.primary.socket)
        self.replica.client.replicaof("127.0.0.1", str(self.primary.port))
        process.wait_until(self.replica.child, self.replica.follows, _TIMEOUT)

    @property
    def url(self) -> str:
        return f"unix://{self._address}"

    def part(self) -> None:
        """Whatever the primary acknowledges from now on will be lost."""
        self.replica.client.replicaof("NO", "ONE")

    def fail_over(self) -> None:
        """The primary is killed, and the replica answers in its place."""
        self.part()
        self.primary.child.process.send_signal(signal.SIGKILL)
        self.primary.child.process.wait()
        moved = self._directory / "moved"
        moved.symlink_to(self.replica.socket)
        moved.replace(self._address)

    def remove(self) -> None:
        for server in (self.primary, self.replica):
            with contextlib.suppress(OSError):
                server.client.close()
        process.stop([self.primary.child, self.replica.child], _TIMEOUT)
        shutil.rmtree(self._directory, ignore_errors=True)
