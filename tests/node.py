"""Node and npm packages for a test, in a folder of the test's: nothing is installed anywhere else.

The programs are those on PATH. Without them the tests skip, but fail where `CI` or `HARKA_REQUIRE_NODE` is
set: what CI skips, nobody tests.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NO = {"", "0", "false", "no"}
_LEAST = 18
"""What Debian 12 has, and the first with a `fetch` of its own."""
_PATIENCE = 300.0


def is_required() -> bool:
    return any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_NODE"))


def absence() -> str | None:
    """Why there is nothing to run; None when there is."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no Node with npm: install Debian's nodejs and npm"
    version = run(Path.cwd(), "node", "--version")
    return None if int(version.strip("v\n").split(".")[0]) >= _LEAST else f"Node {version.strip()} is too old"


def install(source: Path, target: Path) -> Path:
    """`target`, with what is in `source` and the packages that its lock file names."""
    lacking = absence()
    if lacking is not None and is_required():
        pytest.fail(lacking)
    if lacking is not None:
        pytest.skip(lacking)
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    run(target, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    return target


def run(directory: Path, *command: str, **environment: str) -> str:
    """What the program says on its standard output; a failure is told with all it said."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@contextmanager
def serving(program: Path, *arguments: str) -> Iterator[None]:
    """A server that says when it is ready, and ends when nobody reads it any more."""
    process = subprocess.Popen(
        [shutil.which("node") or "node", program, *arguments],
        cwd=program.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.communicate(timeout=20)
