"""Commands forked off one process that has imported them: to import them anew each time took the longest.

Each is a process of its own, with its own environment and directory, that runs to its end.
"""

import atexit
import functools
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PROGRAM: Final = """
import importlib, json, os, sys
from harka.cli.main import main

for name in ("control", "exports", "imports", "jobs", "key", "limits", "migrate", "tenant", "token", "user"):
    importlib.import_module(f"harka.cli.{name}")
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, path in enumerate((os.devnull, asked["out"], asked["err"])):
    os.dup2(os.open(path, os.O_RDWR), number)
os.chdir(asked["cwd"])
os.environ.clear()
os.environ.update(asked["environment"])
sys.argv = ["harka", *asked["arguments"]]
main()
"""
_turn: Final = threading.Lock()


def fork(
    arguments: tuple[str, ...], environment: Mapping[str, str], cwd: Path | None
) -> "subprocess.CompletedProcess[str]":
    with _turn, tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        asked = {
            "arguments": arguments,
            "environment": dict(environment),
            "cwd": str(cwd or Path.cwd()),
            "out": out.name,
            "err": err.name,
        }
        process = _forker()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, out.read().decode(), err.read().decode())


@functools.cache
def _forker() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)
    return process
