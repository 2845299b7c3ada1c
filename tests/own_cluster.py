"""A Valkey cluster of a test's own: three nodes on loopback, each with a third of the slots."""

import contextlib
import shutil
import socket
import tempfile
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from harka.cli.embedded import process, valkey
from harka.cli.embedded.process import Child, Program
from harka.config import Settings

_SLOTS = 16_384
_NODES = 3
_TIMEOUT = 20.0


class OwnCluster:
    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hc-", dir="/tmp"))
        self._children: list[Child] = []
        # of the node, and of its bus
        ports = free_ports(2 * _NODES)
        self.ports = list(zip(ports[:_NODES], ports[_NODES:], strict=True))

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.ports[0][0]}"

    def start(self) -> None:
        """Return when each node knows where every slot is."""
        program = valkey.find_program(Settings())
        for port, bus in self.ports:
            data = self._directory / str(port)
            data.mkdir()
            self._children.append(process.start(_node(program, port, bus, data)))
        nodes = [Redis(port=port) for port, _ in self.ports]
        for child, node in zip(self._children, nodes, strict=True):
            process.wait_until(child, lambda node=node: _answers(node), _TIMEOUT)
        for number, node in enumerate(nodes):
            first, end = (_SLOTS * each // _NODES for each in (number, number + 1))
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.execute_command("CLUSTER", "MEET", "127.0.0.1", *self.ports[0])
        until = time.monotonic() + _TIMEOUT
        while not all(_is_whole(node) for node in nodes):
            assert time.monotonic() < until
            time.sleep(0.02)
        for node in nodes:
            node.close()

    def remove(self) -> None:
        process.stop(self._children, _TIMEOUT)
        shutil.rmtree(self._directory, ignore_errors=True)


def _node(program: Path, port: int, bus: int, data: Path) -> Program:
    single = valkey.serve(program, data, data, durable=False)
    given = ("--bind", "127.0.0.1", "--port", str(port), "--cluster-port", str(bus))
    names = (
        "--cluster-enabled",
        "yes",
        "--cluster-config-file",
        "nodes.conf",
        "--cluster-node-timeout",
        "2000",
    )
    arguments = tuple(each for each in single.arguments if each not in {"--port", "0"})
    return Program(
        name=f"valkey {port}",
        arguments=(*arguments, *given, *names),
        log=data.with_suffix(".log"),
        stop_signal=single.stop_signal,
    )


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(node: Redis) -> bool:
    try:
        return bool(node.ping())
    except RedisError:
        return False


def _is_whole(node: Redis) -> bool:
    told = node.execute_command("CLUSTER", "INFO")
    text = told if isinstance(told, dict) else dict(line.split(":") for line in told.decode().split())
    return text["cluster_state"] == "ok" and text["cluster_known_nodes"] == str(_NODES)
