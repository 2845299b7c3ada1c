import asyncio
from pathlib import Path

import msgspec
import pytest

from cli.waiting import text, until
from harka.cli import children, stack
from harka.cli.serving import OwnedServer
from harka.config import Settings

MARK = "demo-loaded"


def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> Path:
    """A stand-in for `harka import oulad`; it notes down that it was called."""
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setattr(children, "PROGRAM", (str(program),))
    return tmp_path / "called"


def serving(settings: Settings) -> OwnedServer:
    server = OwnedServer(settings)
    server.serving.set()
    return server


async def test_the_demo_is_loaded_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = loader(tmp_path, monkeypatch, 0)
    for _ in range(2):
        await stack._show_tenants(serving(settings), settings, tmp_path, demo=True)
    assert called.read_text() == "import oulad\n"


async def test_a_demo_that_failed_is_taken_up_by_the_next_start(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = loader(tmp_path, monkeypatch, 1)
    for _ in range(2):
        await stack._show_tenants(serving(settings), settings, tmp_path, demo=True)
    assert called.read_text() == "import oulad\n" * 2
    assert not (tmp_path / MARK).exists()


async def test_the_demo_is_loaded_before_the_api_answers_and_listed_after(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loader(tmp_path, monkeypatch, 0)
    server = OwnedServer(settings)
    shown = asyncio.create_task(stack._show_tenants(server, settings, tmp_path, demo=True))
    await until((tmp_path / MARK).exists)
    assert not shown.done()
    assert capsys.readouterr().out == ""
    server.serving.set()
    await shown
    assert "no demo tenants" in capsys.readouterr().out


async def test_no_demo_is_loaded_when_none_is_wanted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called = loader(tmp_path, monkeypatch, 0)
    await stack._show_tenants(serving(settings), settings, tmp_path, demo=False)
    assert not called.exists()
    assert "no demo tenants" in capsys.readouterr().out


async def test_the_worker_beside_the_api_has_a_metrics_port_of_its_own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$1 $HARKA_METRICS_PORT" > {said}; exec sleep 600\n')
    program.chmod(0o755)
    monkeypatch.setattr(children, "PROGRAM", (str(program),))
    server = serving(settings)
    settings = msgspec.structs.replace(settings, metrics_port=9464)
    beside = asyncio.create_task(stack._accompany(server, settings, tmp_path, began=0.0))
    await until(lambda: text(said) == "worker 9465\n")
    beside.cancel()
    await asyncio.wait({beside})


async def test_a_database_that_is_down_does_not_stop_the_rest(tmp_path: Path) -> None:
    down = Settings(database_url="postgresql://127.0.0.1:1/harka", secret="ab" * 32)
    await stack._show_tenants(serving(down), down, tmp_path, demo=False)
