"""`harka` as a process of its own."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cli.forking import fork
from harka.config import Settings, environment

PROGRAM = [sys.executable, "-P", "-m", "harka.cli.main"]


@contextlib.contextmanager
def running(settings: Settings, log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A command in the background; all it says is in `log`. Stopped at the end of the block at the latest."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*PROGRAM, *arguments], env=environment(settings), stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


def harka(settings: Settings, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """A command to its end."""
    return fork(arguments, environment(settings), cwd)
