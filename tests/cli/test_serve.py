"""The commands of a deployment, as processes of their own."""

import contextlib
import os
import re
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import pytest

from cli.running import running
from cli.waiting import gone, text, wait_until
from harka.cli.serving import listen, port_of
from harka.config import Settings


@pytest.fixture
def deployed(settings: Settings) -> Settings:
    """A free port to serve on."""
    with listen("127.0.0.1", 0) as listener:
        return msgspec.structs.replace(settings, port=port_of(listener), shutdown_grace=2.0)


def status(settings: Settings, path: str) -> int:
    """0: nobody answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{settings.port}{path}", headers={"Host": settings.platform_domain}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def listening(port: int) -> int:
    """How many sockets listen at a port of IPv4."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def is_answered(connection: socket.socket, settings: Settings) -> bool:
    try:
        connection.sendall(f"GET /livez HTTP/1.1\r\nHost: {settings.platform_domain}\r\n\r\n".encode())
        return connection.recv(15) == b"HTTP/1.1 200 OK"
    except ConnectionError:
        return False


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_stop(
    deployed: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "log"
    with running(deployed, log, "serve") as process:
        wait_until(lambda: status(deployed, "/readyz") == 200 or process.poll() is not None)
        assert status(deployed, "/livez") == 200, text(log)
        process.send_signal(number)
        assert process.wait(30) == 0, text(log)
        assert "Traceback" not in text(log)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_several_processes_share_the_port_and_one_that_dies_is_replaced(
    deployed: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(deployed, log, "serve", "--workers", "2") as process:
        wait_until(lambda: listening(deployed.port) == 2 or process.poll() is not None)
        first = children(process.pid)
        assert len(first) == 2, text(log)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(set(children(process.pid)) - {first[0]}) == 2)
        assert status(deployed, "/livez") == 200
        process.terminate()
        assert process.wait(30) == 0, text(log)
        assert gone(first[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_connections_that_come_at_once_are_dealt_out_to_all_processes(
    deployed: Settings, tmp_path: Path
) -> None:
    with (
        running(deployed, tmp_path / "log", "serve", "--workers", "2") as process,
        contextlib.ExitStack() as stack,
    ):
        wait_until(lambda: listening(deployed.port) == 2)
        address = "127.0.0.1", deployed.port
        connected = [stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(64)]
        os.kill(children(process.pid)[0], signal.SIGKILL)
        # whoever is with the other may go on asking
        answered = [each for each in connected if is_answered(each, deployed)]
        assert 8 <= len(answered) <= 56


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_killed_parent_leaves_no_process_behind(deployed: Settings, tmp_path: Path) -> None:
    with running(deployed, tmp_path / "log", "serve", "--workers", "2") as process:
        wait_until(lambda: status(deployed, "/livez") == 200)
        started = children(process.pid)
        process.kill()
        wait_until(lambda: all(gone(each) for each in started))


def test_a_taken_port_is_one_line(deployed: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", deployed.port)), running(deployed, log, "serve") as process:
        assert process.wait(30) == 1
    assert text(log) == f"harka: port {deployed.port} is taken\n"


def test_a_setting_that_cannot_be_used_is_one_line(deployed: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    wrong = msgspec.structs.replace(deployed, trusted_proxies="bogus")
    with running(wrong, log, "serve") as process:
        assert process.wait(30) == 1
    assert re.fullmatch(r"harka: HARKA_TRUSTED_PROXIES: .*\n", text(log))


def test_without_servers_it_says_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(Settings(), log, "serve") as process:
        assert process.wait(30) == 1
    assert re.fullmatch(r"harka: HARKA_DATABASE_URL is not set; .*\n", text(log))
