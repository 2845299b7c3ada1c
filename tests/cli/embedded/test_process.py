import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.waiting import gone, wait_until
from harka.cli.embedded import process
from harka.cli.embedded.process import Program, ServerError

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


def program(tmp_path: Path, code: str = SLEEP, name: str = "sleeper") -> Program:
    return Program(
        name=name,
        arguments=(sys.executable, "-c", code),
        log=tmp_path / f"{name}.log",
        stop_signal=signal.SIGTERM,
    )


def says_up(child: process.Child) -> bool:
    return child.program.log.read_text() == "up\n"


def test_stopping_asks_and_then_kills(tmp_path: Path) -> None:
    polite = process.start(program(tmp_path))
    stubborn = process.start(program(tmp_path, STUBBORN, "stubborn"))
    for child in (polite, stubborn):
        process.wait_until(child, lambda child=child: says_up(child), 10)
    process.stop([polite, stubborn], 0.2)
    assert polite.process.returncode == -signal.SIGTERM
    assert stubborn.process.returncode == -signal.SIGKILL


def test_what_a_stopped_program_left_behind_is_killed(tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True)"
    child = process.start(program(tmp_path, code))
    child.process.wait()
    grandchild = int(child.program.log.read_text())
    assert not gone(grandchild)
    process.kill_group(child)
    wait_until(lambda: gone(grandchild))
    process.kill_group(child)


def test_one_that_dies_before_it_is_ready_shows_its_log(tmp_path: Path) -> None:
    child = process.start(program(tmp_path, "raise SystemExit('no space left')"))
    with pytest.raises(ServerError, match=r"sleeper exited with 1:\nno space left"):
        process.wait_until(child, lambda: False, 10)


def test_one_that_is_ready_once_it_has_ended_may_end_while_it_is_looked_at(tmp_path: Path) -> None:
    child = process.start(program(tmp_path, ""))
    looks: list[bool] = []

    def ready() -> bool:
        looks.append(child.process.returncode == 0)
        child.process.wait()
        return looks[-1]

    process.wait_until(child, ready, 10)
    assert looks[-1]


def test_one_that_is_never_ready_is_an_error(tmp_path: Path) -> None:
    child = process.start(program(tmp_path))
    with pytest.raises(ServerError, match="not ready after 0 s"):
        process.wait_until(child, lambda: False, 0.01)
    process.stop([child], 5)


def test_the_log_of_the_last_run_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        process.start(program(tmp_path, "print('up')")).process.wait()
    assert (tmp_path / "sleeper.log.1").read_text() == "up\n"


def test_it_does_not_see_the_environment_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/somewhere")
    child = process.start(program(tmp_path, "import os; print('PGDATA' in os.environ)"))
    child.process.wait()
    assert child.program.log.read_text() == "False\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the next start cleans up")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    parent = f"""
import signal, sys
from pathlib import Path
from harka.cli.embedded.process import Program, start
child = start(Program(name="child", arguments=(sys.executable, "-c", {SLEEP!r}),
                      log=Path({str(tmp_path / "child.log")!r}), stop_signal=signal.SIGTERM))
print(child.process.pid, flush=True)
child.process.wait()
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        child = int(started.stdout.readline())
        started.kill()
    wait_until(lambda: gone(child))


def test_the_next_start_stops_recorded_orphans(tmp_path: Path) -> None:
    orphan = process.start(program(tmp_path))
    process.record([orphan], tmp_path / "processes.json")
    assert process.stop_orphans(tmp_path / "processes.json", 10) == ["sleeper"]
    assert orphan.process.wait() == -signal.SIGTERM
    assert not (tmp_path / "processes.json").exists()


def test_an_orphan_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    orphan = process.start(program(tmp_path, STUBBORN))
    process.wait_until(orphan, lambda: says_up(orphan), 10)
    process.record([orphan], tmp_path / "processes.json")
    process.stop_orphans(tmp_path / "processes.json", 0.1)
    assert orphan.process.wait() == -signal.SIGKILL


def test_an_orphan_that_cannot_be_stopped_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = process.start(program(tmp_path))
    process.record([orphan], tmp_path / "processes.json")
    monkeypatch.setattr(process, "_signal", lambda *_: None)  # another user's
    with pytest.raises(ServerError, match=f"process {orphan.process.pid}, does not stop"):
        process.stop_orphans(tmp_path / "processes.json", 0.01)
    process.stop([orphan], 5)


def test_a_stranger_with_the_number_of_an_orphan_is_left_alone(tmp_path: Path) -> None:
    stranger = process.start(program(tmp_path))
    record = tmp_path / "processes.json"
    process.record([stranger], record)
    identity = process._identity(stranger.process.pid)
    assert identity is not None
    record.write_text(record.read_text().replace(identity, "another start time"))
    assert process.stop_orphans(record, 10) == []
    assert stranger.alive
    process.stop([stranger], 5)


def test_a_record_that_is_absent_or_broken_names_no_orphans(tmp_path: Path) -> None:
    assert process.stop_orphans(tmp_path / "processes.json", 1) == []
    (tmp_path / "processes.json").write_text("[{")
    assert process.stop_orphans(tmp_path / "processes.json", 1) == []


@pytest.mark.parametrize("linux", [True, False])
def test_a_process_that_is_gone_or_dead_has_no_identity(
    monkeypatch: pytest.MonkeyPatch, *, linux: bool
) -> None:
    if not (Path("/proc/self").exists() if linux else Path("/bin/ps").exists()):
        pytest.skip("not on this machine")
    monkeypatch.setattr(process, "_LINUX", linux)
    own = process._identity(os.getpid())
    assert own is not None
    assert own == process._identity(os.getpid())
    child = subprocess.Popen(["/bin/true"])
    wait_until(lambda: gone(child.pid))
    assert process._identity(child.pid) is None
    child.wait()
    assert process._identity(child.pid) is None
