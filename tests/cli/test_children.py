import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cli.waiting import gone, text, until, wait_until
from harka.cli import children
from harka.config import Settings

SETTINGS = Settings(shutdown_grace=0.1, port=8123, introspection=False)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for ourselves; it writes what a test looks at into `said`, beside it."""
    monkeypatch.setattr(children, "PROGRAM", (str(tmp_path / "program"),))
    return tmp_path / "program"


def write(program: Path, script: str) -> Path:
    program.write_text(f"#!/bin/sh\ncd {program.parent}\n{script}\n")
    program.chmod(0o755)
    return program.parent / "said"


@pytest.mark.parametrize(
    ("first", "number", "port"),
    [(9464, 0, 9464), (9464, 3, 9467), (0, 1, 0), (65_535, 0, 65_535), (65_535, 1, 0)],
)
def test_siblings_do_not_fight_for_one_metrics_port(first: int, number: int, port: int) -> None:
    assert children.sibling(Settings(metrics_port=first), number).metrics_port == port


async def test_a_child_runs_a_command_with_our_settings(program: Path) -> None:
    said = write(program, 'echo "$1 $2 $HARKA_PORT $HARKA_INTROSPECTION" > said; exit 3')
    assert await children.run(["import", "oulad"], SETTINGS) == 3
    assert text(said) == "import oulad 8123 false\n"


async def test_a_cancelled_child_is_asked_to_stop(program: Path) -> None:
    said = write(
        program, "trap 'echo asked >> said; exit 0' TERM; echo up > said; while :; do sleep 0.01; done"
    )
    running = asyncio.create_task(children.run(["worker"], SETTINGS))
    await until(lambda: text(said))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert text(said) == "up\nasked\n"


async def test_one_that_does_not_listen_is_killed(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_MARGIN", 0.0)
    said = write(program, "trap '' TERM; echo $$ > said; while :; do sleep 0.01; done")
    running = asyncio.create_task(children.run(["worker"], SETTINGS))
    await until(lambda: text(said))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: gone(int(text(said))))


async def test_one_that_dies_is_started_again(program: Path) -> None:
    said = write(program, "echo x >> said; [ $(wc -l < said) -lt 3 ] || exec sleep 600; exit 1")
    keeping = asyncio.create_task(children.keep(["worker"], SETTINGS))
    await until(lambda: text(said) == "x\nx\nx\n")
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's part of it is Linux's")
def test_a_killed_parent_takes_it_along(program: Path) -> None:
    said = write(program, "echo $$ > said; exec sleep 600")
    parent = (
        "import uvloop; from harka.cli import children; from harka.config import Settings\n"
        f"children.PROGRAM = ({str(program)!r},)\n"
        "uvloop.run(children.run(['worker'], Settings()))"
    )
    with subprocess.Popen([sys.executable, "-c", parent]) as started:
        wait_until(lambda: text(said))
        started.kill()
    wait_until(lambda: gone(int(text(said))))
