"""Child processes that end with us: at shutdown, by the kernel when we are killed, or at the next start.

Linux sends each child its stop signal when its parent dies. Elsewhere a killed parent leaves orphans; every
child is therefore on record in the data directory, and the next start stops what it finds alive.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from harka.cli.embedded.directory import Account, write_private
from harka.errors import HarkaError

_LINUX: Final[bool] = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG: Final = 1
_POLL: Final = 0.005
_LOG_TAIL: Final = 1500


class ServerError(HarkaError):
    """An embedded server does not start."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """`stop_signal`: what makes it shut down cleanly, not waiting for its clients.

    `too_early`: what it says last when it ends because something of an earlier run is still there.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    stop_signal: signal.Signals
    account: Account | None = None
    environment: dict[str, str] = {}
    too_early: str = ""


class Child(msgspec.Struct):
    """A started program. `process` changes when it is started again."""

    program: Program
    process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def was_early(self) -> bool:
        """Whether it ended for a reason that goes away by itself."""
        return not self.alive and _says(self.program, self.program.too_early)

    def failure(self) -> str:
        """What a person needs to see when it is not alive."""
        told = f"{self.program.name} exited with {self.process.returncode}"
        return f"{told}:\n{said}" if (said := _last_words(self.program)) else told


class _Recorded(msgspec.Struct, frozen=True):
    pid: int
    identity: str
    name: str
    stop_signal: int


def start(program: Program) -> Child:
    """Start it in a session of its own: a Ctrl-C in the terminal reaches us alone, and we stop it in order.

    Call this from the main thread: the kernel's parent-death signal follows the thread, not the process.
    """
    # of a try that was too early nobody wants to know: what the run before it said last stays
    if program.log.exists() and not _says(program, program.too_early):
        program.log.replace(program.log.with_suffix(".log.1"))
    with open(program.log, "wb", opener=_private) as log:
        process = subprocess.Popen(  # noqa: S603 - our own argument vector, no shell
            program.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=program.log.parent,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **program.environment},
            preexec_fn=die_with_parent(program.stop_signal),  # noqa: PLW1509 - one system call, no lock
            **_credentials(program.account),
        )
    return Child(program, process)


def _last_words(program: Program) -> str:
    with contextlib.suppress(OSError):
        return program.log.read_text(errors="replace")[-_LOG_TAIL:].strip()
    return ""


def _says(program: Program, text: str) -> bool:
    return bool(text) and text in _last_words(program)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def wait_until(child: Child, ready: Callable[[], bool], timeout: float) -> None:
    """Raise `ServerError` with the end of its log when it dies first, or after `timeout` seconds."""
    until = time.monotonic() + timeout
    while True:
        # asked first: one that ends while it is looked at may have become ready by that
        ended = not child.alive
        if ready():
            return
        if ended:
            raise ServerError(child.failure())
        if time.monotonic() > until:
            raise ServerError(
                f"{child.program.name} is not ready after {timeout:.0f} s; see {child.program.log}"
            )
        time.sleep(_POLL)


def stop(children: Iterable[Child], timeout: float) -> None:
    """Ask all at once, wait together, kill what is left after `timeout` seconds."""
    running = [child for child in children if child.alive]
    for child in running:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(child.program.stop_signal)
    until = time.monotonic() + timeout
    for child in running:
        try:
            child.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def kill_group(child: Child) -> None:
    """What a stopped program has started itself and left behind: `initdb` does not wait for its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)


def record(children: Iterable[Child], path: Path) -> None:
    """Remember the children for `stop_orphans` of a later start."""
    known = [
        _Recorded(child.process.pid, identity, child.program.name, child.program.stop_signal)
        for child in children
        if (identity := _identity(child.process.pid)) is not None
    ]
    write_private(path, msgspec.json.encode(known).decode())


def stop_orphans(path: Path, timeout: float) -> list[str]:
    """Stop what an earlier, killed owner of the directory left running; returns the names.

    After `timeout` seconds they are killed. Raise `ServerError` when even that does not help.
    """
    try:
        known = msgspec.json.decode(path.read_bytes(), type=list[_Recorded])
    except (FileNotFoundError, msgspec.MsgspecError):
        return []
    orphans = [each for each in known if _identity(each.pid) == each.identity]
    alive = orphans
    for forced in (False, True):
        for each in alive:
            _signal(each.pid, signal.SIGKILL if forced else each.stop_signal)
        alive = _still_alive(alive, timeout)
    if alive:
        raise ServerError(f"{alive[0].name} of an earlier run, process {alive[0].pid}, does not stop")
    path.unlink(missing_ok=True)
    return [each.name for each in orphans]


def _still_alive(recorded: list[_Recorded], timeout: float) -> list[_Recorded]:
    """Those that are there after `timeout` seconds; returns early when none is."""
    until = time.monotonic() + timeout
    while recorded := [each for each in recorded if _identity(each.pid) == each.identity]:
        if time.monotonic() > until:
            break
        time.sleep(_POLL)
    return recorded


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`: Linux then sends `stop_signal` when the thread that starts the child is gone."""
    if not _LINUX:
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def before_exec() -> None:
        # subprocess has changed the user by now: that change would clear the setting
        prctl(_PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _identity(pid: int) -> str | None:
    """Tells a process from a later one with the same number: when it was started. None when it is gone."""
    if _LINUX:
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            # the name, in parentheses, may hold anything; state and start time are counted after it
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
    shown = subprocess.run(  # noqa: S603 - constant program, a number as argument
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return None if state.startswith("Z") else started.strip() or None


def _credentials(account: Account | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
