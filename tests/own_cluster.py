"""A Valkey cluster of a test's own: three nodes on loopback, each with a third of the slots.

On request each has a replica, which takes its place when it is gone.
"""

import contextlib
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from harka.cli.embedded import process, valkey
from harka.cli.embedded.process import Child, Program
from harka.config import Settings

_SLOTS = 16_384
_NODES = 3
_TIMEOUT = 20.0
_NOTICED = 1000
"""Milliseconds without a word after which a node is held to be gone, where there are replicas."""
_NOT_NOTICED = 60_000
_PORTS = 10_000, 32_768


class OwnCluster:
    def __init__(self, *, replicas: bool = False) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hc-", dir="/tmp"))
        self._children: list[Child] = []
        self._noticed = _NOTICED if replicas else _NOT_NOTICED
        count = 2 * _NODES if replicas else _NODES
        # of the node, and of its bus; the replicas are the last
        ports = free_ports(2 * count)
        self.ports = list(zip(ports[:count], ports[count:], strict=True))

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.ports[0][0]}"

    def start(self) -> None:
        """Return when each node knows where every slot is."""
        program = valkey.find_program(Settings())
        for port, bus in self.ports:
            data = self._directory / str(port)
            data.mkdir()
            self._children.append(process.start(_node(program, port, bus, data, self._noticed)))
        nodes = [Redis(port=port) for port, _ in self.ports]
        for child, node in zip(self._children, nodes, strict=True):
            process.wait_until(child, lambda node=node: _answers(node), _TIMEOUT)
        for number, node in enumerate(nodes):
            if number < _NODES:
                first, end = (_SLOTS * each // _NODES for each in (number, number + 1))
                node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.execute_command("CLUSTER", "MEET", "127.0.0.1", *self.ports[0])
        _await(lambda: all(_is_whole(node, len(nodes)) for node in nodes))
        for number, replica in enumerate(nodes[_NODES:]):
            of = nodes[number].execute_command("CLUSTER", "MYID")
            replica.execute_command("CLUSTER", "REPLICATE", of)
        _await(lambda: all(_has_followed(replica) for replica in nodes[_NODES:]))
        for node in nodes:
            node.close()

    def owner(self, key: str) -> int:
        """The number of the node that a key is on."""
        with Redis(port=self.ports[0][0]) as node:
            return int(node.execute_command("CLUSTER", "KEYSLOT", key)) * _NODES // _SLOTS

    def kill_owner(self, key: str) -> None:
        """A replica notices, and stands for election."""
        number = self.owner(key)
        self._children[number].process.kill()
        self._children[number].process.wait()

    def remove(self) -> None:
        process.stop(self._children, _TIMEOUT)
        shutil.rmtree(self._directory, ignore_errors=True)


def _node(program: Path, port: int, bus: int, data: Path, noticed: int) -> Program:
    single = valkey.serve(program, data, data, durable=False)
    given = ("--bind", "127.0.0.1", "--port", str(port), "--cluster-port", str(bus))
    names = (
        "--repl-diskless-sync-delay",
        "0",
        "--cluster-enabled",
        "yes",
        "--cluster-config-file",
        "nodes.conf",
        "--cluster-node-timeout",
        str(noticed),
    )
    arguments = tuple(each for each in single.arguments if each not in {"--port", "0"})
    return Program(
        name=f"valkey {port}",
        arguments=(*arguments, *given, *names),
        log=data.with_suffix(".log"),
        stop_signal=single.stop_signal,
    )


def free_ports(number: int) -> list[int]:
    """Below those that Linux gives to whoever connects: these may be taken before the node is there."""
    with contextlib.ExitStack() as held:
        found = list[int]()
        while len(found) < number:
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", random.randrange(*_PORTS)))  # noqa: S311 - no secret
                found.append(probe.getsockname()[1])
        return found


def _answers(node: Redis) -> bool:
    try:
        return bool(node.ping())
    except RedisError:
        return False


def _is_whole(node: Redis, nodes: int) -> bool:
    told = node.execute_command("CLUSTER", "INFO")
    text = told if isinstance(told, dict) else dict(line.split(":") for line in told.decode().split())
    return text["cluster_state"] == "ok" and text["cluster_known_nodes"] == str(nodes)


def _has_followed(replica: Redis) -> bool:
    return replica.info("replication").get("master_link_status") == "up"


def _await(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _TIMEOUT
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
