"""One cell: a peer under load for a few seconds, as `wrk` sees it."""

import json
import os
import shutil
import statistics
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from peers import Peer

from node import MissingError

_SCRIPT: Final = Path(__file__).resolve().parent / "post.lua"
_PATIENCE: Final = 20
"""Seconds until `wrk` counts a request as broken."""


class FailedError(Exception):
    """A peer answered wrongly, or not at all."""


class Cell(msgspec.Struct, frozen=True):
    """`p50` and `p99` in milliseconds. `refused`: answers beyond 399. `broken`: without an answer."""

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Result(msgspec.Struct, frozen=True):
    """Medians over the rounds."""

    rate: float
    p50: float
    p99: float


def require_wrk() -> str:
    """Raise `MissingError`."""
    found = shutil.which("wrk")
    if found is None:
        raise MissingError("`wrk` is not installed: Debian package `wrk`")
    return found


def ask(peer: Peer, body: str) -> Any:
    """One answer's `data`. Raise `FailedError`."""
    name, value = peer.header
    request = urllib.request.Request(  # noqa: S310 - an address on loopback that we made
        peer.url, body.encode(), {"Content-Type": "application/json", name: value}
    )
    try:
        with urllib.request.urlopen(request, timeout=30.0) as response:  # noqa: S310 - likewise
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise FailedError(f"{peer.name} answered {error.code}: {error.read()[:1000]!r}") from None
    if answer.get("errors") or not answer.get("data"):
        raise FailedError(f"{peer.name} answered {json.dumps(answer)[:1000]}")
    return answer["data"]


def load(peer: Peer, bodies: Sequence[str], directory: Path, *, seconds: float, connections: int) -> Cell:
    """Raise `FailedError` when a single request went wrong: such figures say nothing."""
    file = directory / "bodies"
    file.write_text("".join(f"{body}\n" for body in bodies))
    whole = max(round(seconds), 1)
    length = [f"-d{whole}s", f"--timeout={_PATIENCE}s"]
    command = [require_wrk(), "-t1", f"-c{connections}", *length, "--latency", "-s", _SCRIPT, peer.url]
    variables = {"PEER_BODIES": str(file), "PEER_HEADER": peer.header[0], "PEER_VALUE": peer.header[1]}
    done = subprocess.run(  # noqa: S603 - our own argument vector, no shell
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FailedError(f"wrk failed on {peer.name}: {done.stderr[-1000:]}")
    cell = msgspec.json.decode(done.stdout.rstrip().rpartition("\n")[2], type=Cell)
    if cell.refused or cell.broken or not cell.requests:
        raise FailedError(f"{peer.name}: of {cell.requests} requests {cell.refused} were refused, "
                          f"{cell.broken} broke")  # fmt: skip
    return cell


def middle(cells: Sequence[Cell]) -> Result:
    return Result(
        rate=statistics.median(cell.rate for cell in cells),
        p50=statistics.median(cell.p50 for cell in cells),
        p99=statistics.median(cell.p99 for cell in cells),
    )
