"""The whole of it, as a process of its own."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from cli.running import PROGRAM, harka, running
from cli.waiting import gone, text, wait_until
from harka.cli.serving import listen, port_of
from harka.config import Settings, environment

SETTINGS = Settings(metrics_port=0, shutdown_grace=2.0)
README = Path(__file__).parents[2] / "README.md"
# what is left of the budget and how long it took are others each time
CHANGING = re.compile(r'"(available|cpuMilliseconds)":[\d.]+')
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture
def port() -> int:
    with listen("127.0.0.1", 0) as listener:
        return port_of(listener)


def up(data: Path, port: int) -> list[str]:
    return ["up", "--data", str(data), "--port", str(port), "--no-demo"]


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return b'"ready"' in answer.read()
    except OSError:
        return False


def wait_until_up(process: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
    wait_until(lambda: answers(port) or process.poll() is not None)
    assert process.poll() is None, text(log)


def family(pid: int) -> set[int]:
    """The process's children and theirs; of a process that ends meanwhile, none."""
    found: set[int] = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= {int(child)} | family(int(child))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_asked_to_stop_and_leaves_nothing_running(
    data: Path, port: int, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "log"
    with running(SETTINGS, log, *up(data, port)) as process:
        wait_until_up(process, log, port)
        wait_until(lambda: len(family(process.pid)) > 3)
        others = family(process.pid)
        process.send_signal(number)
        assert process.wait(30) == 0, text(log)
        assert [pid for pid in others if not gone(pid)] == []
    assert "Traceback" not in text(log)
    assert text(log).endswith("harka: stopped\n")


def test_asked_to_stop_while_it_starts_it_stops_at_once(data: Path, port: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(SETTINGS, log, *up(data, port)) as process:
        wait_until((data / "run.json").exists)
        process.terminate()
        assert process.wait(30) == 0, text(log)
    assert "Traceback" not in text(log)


def test_a_kill_leaves_no_orphan_and_the_next_start_finds_everything(
    data: Path, port: int, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(SETTINGS, log, *up(data, port)) as process:
        wait_until_up(process, log, port)
        made = harka(Settings(), "tenant", "create", "kept", "--data", str(data))
        assert made.returncode == 0, made.stderr
        secret = text(data / "secret")
        others = family(process.pid)
        process.kill()
        wait_until(lambda: all(gone(pid) for pid in others))
    with running(SETTINGS, log, *up(data, port)) as process:
        wait_until_up(process, log, port)
        assert "kept" in harka(Settings(), "tenant", "list", "--data", str(data)).stdout
        assert text(data / "secret") == secret


def test_a_second_one_on_the_same_data_is_refused(data: Path, port: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(SETTINGS, log, *up(data, port)) as process:
        wait_until((data / "run.json").exists)
        second = harka(SETTINGS, *up(data, port))
        assert second.returncode == 1
        assert second.stderr == f"harka: {data} is in use by process {process.pid}\n"
        wait_until_up(process, log, port)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is one for curl")
def test_the_readmes_example_is_answered_as_the_readme_says(data: Path, port: int, tmp_path: Path) -> None:
    command, expected = re.findall(r"```\n(curl .*?)```\n\n```json\n(.*?)```", README.read_text(), re.DOTALL)[
        0
    ]
    # `./harka` in a checkout would be the same program in an environment of its own
    script = tmp_path / "harka"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@" --data {shlex.quote(str(data))}\n')
    script.chmod(0o755)
    assert command.count(":8000/") == 1
    log = tmp_path / "log"
    with running(SETTINGS, log, "up", "--data", str(data), "--port", str(port)) as process:
        wait_until_up(process, log, port)
        # the demo's first tenant has its key once it is filled; the others are not waited for
        keys = ("key", "list", "--tenant", "ireland-ggg", "--data", str(data))
        wait_until(lambda: " demo " in harka(Settings(), *keys).stdout)
        done: list[subprocess.CompletedProcess[str]] = []

        def key_is_known() -> bool:
            """The server hears within a second of a key that the program in the command makes."""
            command_line = ["/bin/sh", "-c", command.replace(":8000/", f":{port}/")]
            own = {**environment(Settings()), "no_proxy": "*"}
            done.append(
                subprocess.run(
                    command_line, cwd=tmp_path, env=own, capture_output=True, text=True, check=False
                )
            )
            return "UNAUTHENTICATED" not in done[-1].stdout

        wait_until(key_is_known)
    told, promised = (CHANGING.sub("", text) for text in (done[-1].stdout, expected.rstrip("\n")))
    assert told == promised, done[-1].stderr


def test_two_on_different_data_both_serve(data: Path, port: int, tmp_path: Path) -> None:
    logs = [tmp_path / "first", tmp_path / "second"]
    with (
        running(SETTINGS, logs[0], *up(data / "first", port)) as first,
        running(SETTINGS, logs[1], *up(data / "second", port)) as second,
    ):
        wait_until(lambda: all("serves at" in text(log) for log in logs) or first.poll() or second.poll())
        ports = {re.findall(r"serves at http://[^:]+:(\d+)", text(log))[0] for log in logs}
        assert len(ports) == 2
        assert all(answers(int(each)) for each in ports)


def test_a_taken_port_is_replaced_by_one_that_is_named(data: Path, port: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        socket.create_server(("127.0.0.1", port)),
        running(SETTINGS, log, *up(data, port)) as process,
    ):
        wait_until(lambda: "serves at" in text(log) or process.poll() is not None)
        said = re.search(rf"port {port} is taken, using (\d+)", text(log))
        assert said is not None, text(log)
        assert answers(int(said[1]))


def test_a_server_that_dies_comes_back_and_so_do_answers(data: Path, port: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(SETTINGS, log, *up(data, port)) as process:
        wait_until_up(process, log, port)
        postmaster = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGQUIT)
        wait_until(lambda: "started again" in text(log))
        wait_until(lambda: answers(port))


@pytest.mark.parametrize(
    "wrong", [{"trusted_proxies": "bogus"}, {"secret": "abc"}, {"platform_domain": "bad domain"}]
)
def test_a_setting_that_cannot_be_used_is_one_line_before_anything_starts(
    data: Path, port: int, wrong: dict[str, str]
) -> None:
    done = harka(msgspec.structs.replace(SETTINGS, **wrong), *up(data, port))
    (name,) = wrong
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"harka: HARKA_{name.upper()}: .*\n", done.stderr)
    assert not data.exists()
