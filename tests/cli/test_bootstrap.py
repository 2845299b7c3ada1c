"""`./harka` itself, on a checkout with nothing to install: the real script, real environments, no network."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.waiting import text, wait_until

ROOT = Path(__file__).parents[2]
PYTHON = getattr(sys, "_base_executable", sys.executable)
SAYS = "import sys, random; print(sys.prefix, sys.argv[1:], random.__name__)"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Ours, as far as the script looks at it; the program says where it runs and with what."""
    place = tmp_path / "a check out"
    (place / "src" / "harka" / "cli").mkdir(parents=True)
    (place / "requirements").mkdir()
    for name in ("lock", "dev"):
        (place / "requirements" / f"{name}.txt").write_text("")
    for name in ("harka", "pyproject.toml"):
        shutil.copy(ROOT / name, place / name)
    for package in ("harka", "harka/cli"):
        (place / "src" / package / "__init__.py").write_text("")
    (place / "src" / "harka" / "cli" / "main.py").write_text(SAYS)
    (place / "src" / "harka" / "_fastpath.pyx").write_text("")
    return place


def command(checkout: Path, *arguments: str) -> list[str]:
    return [PYTHON, str(checkout / "harka"), *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Of a machine without uv; the extension is left to CI, which has a compiler and a network."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "HARKA_PURE_PYTHON": "1", **variables}


def harka(
    checkout: Path, *arguments: str, cwd: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(checkout, *arguments),
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_run_makes_the_environment_and_the_second_uses_it(checkout: Path) -> None:
    first = harka(checkout, "up", "--port", "1")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{checkout / '.venv'} ['up', '--port', '1'] random\n"
    assert "making /" in first.stderr
    second = harka(checkout, "up")
    assert (second.returncode, second.stderr) == (0, "")


def test_its_own_command_works_from_anywhere(checkout: Path, tmp_path: Path) -> None:
    harka(checkout)
    (tmp_path / "random.py").write_text("raise SystemExit('imported from the current directory')")
    program = str(checkout / ".venv" / "bin" / "harka")
    done = subprocess.run([program, "a b"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == f"{checkout / '.venv'} ['a b'] random\n", done.stderr
    assert harka(checkout, cwd=tmp_path).returncode == 0


def test_the_fast_path_is_said_to_be_missing(checkout: Path) -> None:
    assert "its pure-Python twin serves" in harka(checkout).stderr


def test_changed_locks_make_it_anew(checkout: Path) -> None:
    harka(checkout)
    marker = checkout / ".venv" / "marker"
    marker.touch()
    (checkout / "requirements" / "lock.txt").write_text("# changed\n")
    assert "making /" in harka(checkout).stderr
    assert not marker.exists()


def test_a_changed_fast_path_leaves_the_rest_as_it_is(checkout: Path) -> None:
    harka(checkout, HARKA_PURE_PYTHON="1")
    marker = checkout / ".venv" / "marker"
    marker.touch()
    suffix = subprocess.check_output(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"], text=True
    ).strip()
    stale = checkout / "src" / "harka" / f"_fastpath{suffix}"
    stale.write_text("compiled from something else")
    assert harka(checkout).returncode == 0
    assert not stale.exists()
    assert marker.exists()


def test_one_killed_in_the_middle_starts_over(checkout: Path) -> None:
    harka(checkout)
    state = checkout / ".venv" / "harka"
    (state / "stamp.json").unlink()
    (checkout / ".venv" / "half-installed").mkdir()
    assert "making /" in harka(checkout).stderr
    assert not (checkout / ".venv" / "half-installed").exists()


def test_a_kill_at_any_moment_can_be_repeated(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for name in ("harka", "harka/stamp.json", "pyvenv.cfg", "harka/pip"):
        shutil.rmtree(checkout / ".venv", ignore_errors=True)
        with log.open("w") as output:
            process = subprocess.Popen(command(checkout), env=environment(), stdout=output, stderr=output)
            wait_until(lambda name=name: (checkout / ".venv" / name).exists())
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = harka(checkout)
        assert done.stdout.startswith(str(checkout / ".venv")), (name, done.stderr)


def test_two_first_runs_at_once_make_one_environment(checkout: Path) -> None:
    runs = [
        subprocess.Popen(
            command(checkout), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert sum("making /" in errors for _, errors in said) == 1


def test_what_an_interrupted_run_has_started_is_waited_for(checkout: Path, tmp_path: Path) -> None:
    harka(checkout)
    state = checkout / ".venv" / "harka"
    # stands for an installer that outlived a killed run: it has inherited the lock
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('up', flush=True)"
    holder = subprocess.Popen(
        [PYTHON, "-c", f"{script}; sys.stdin.read()", str(state / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"up\n"
    (state / "stamp.json").unlink()
    log = tmp_path / "log"
    with log.open("w") as output:
        waiting = subprocess.Popen(command(checkout), env=environment(), stdout=output, stderr=output)
    wait_until(lambda: "waiting for it" in text(log))
    assert "making /" not in text(log)
    holder.communicate()
    assert waiting.wait(60) == 0


def test_the_environment_may_be_elsewhere(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where" / "venv"
    done = harka(checkout, HARKA_VENV=str(elsewhere))
    assert done.stdout.startswith(str(elsewhere)), done.stderr
    assert not (checkout / ".venv").exists()


def test_a_directory_of_something_else_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("")
    done = harka(checkout, HARKA_VENV=str(tmp_path / "thesis"))
    assert done.returncode == 1
    assert "no virtual environment" in done.stderr
    assert (tmp_path / "thesis" / "chapter.tex").exists()


def test_foreign_settings_of_python_and_pip_do_not_reach_it(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "venv.py").write_text("raise SystemExit('imported from PYTHONPATH')")
    done = harka(checkout, PIP_USER="1", PIP_TARGET=str(tmp_path / "target"), PIP_REQUIRE_VIRTUALENV="1")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "target").exists()


def test_foreign_settings_of_python_do_not_reach_the_program(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign.py").write_text("")
    settings = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": sys.base_prefix,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    code = (
        "import importlib.util, os, sys; "
        "print(importlib.util.find_spec('foreign'), sys.prefix, sys.dont_write_bytecode, "
        "*(name for name in os.environ if name.startswith('PYTHON')))"
    )
    for command, program in (
        (["run", "python", "-c", code], "cli/unused.py"),
        (["up"], "cli/main.py"),
        (["test"], "../pytest.py"),
    ):
        (checkout / "src" / "harka" / program).write_text(code)
        done = harka(checkout, *command, **settings)
        assert done.stdout == f"None {checkout / '.venv'} False\n", (command, done.stderr)


def test_a_place_that_cannot_be_written_to_is_one_line(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = harka(checkout, HARKA_VENV=str(tmp_path / "file" / "venv"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "HARKA_VENV" in done.stderr


def test_an_install_that_fails_shows_why_and_is_tried_again(checkout: Path) -> None:
    lock = checkout / "requirements" / "lock.txt"
    lock.write_text("nonesuch==1 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    done = harka(checkout, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "nonesuch" in done.stderr
    assert "Traceback" not in done.stderr
    lock.write_text("")
    assert harka(checkout).returncode == 0


def test_test_tools_that_failed_half_way_leave_nothing_behind(checkout: Path) -> None:
    harka(checkout)
    dev = checkout / "requirements" / "dev.txt"
    dev.write_text("nonesuch==1 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    assert harka(checkout, "run", "python", "-V", PIP_NO_INDEX="1").returncode == 1
    dev.write_text("")
    again = harka(checkout, "run", "python", "-V")
    assert again.returncode == 0, again.stderr
    assert "making /" in again.stderr


def test_programs_of_the_environment_can_be_run(checkout: Path) -> None:
    done = harka(checkout, "run", "python", "-c", "import sys; print(sys.prefix)")
    assert done.stdout == f"{checkout / '.venv'}\n", done.stderr
    assert os.access(checkout / ".venv" / "bin" / "python", os.X_OK)


def test_every_package_of_the_locks_is_named_with_hashes() -> None:
    for name in ("lock", "dev"):
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        packages = [line for line in lines if line[:1].isalnum()]
        assert packages
        assert [line for line in packages if "==" not in line or not line.endswith("\\")] == []
        assert [line for line in lines if "://" in line] == []
