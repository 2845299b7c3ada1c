"""A Valkey of a test's own, to be stopped, frozen and restarted without disturbing anybody."""

import shutil
import signal
import tempfile
from pathlib import Path

from harka.cli.embedded import process, valkey
from harka.cli.embedded.process import Child
from harka.config import Settings

_TIMEOUT = 20.0


class OwnValkey:
    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hv-", dir="/tmp"))
        data = self._directory / "data"
        data.mkdir()
        program = valkey.find_program(Settings())
        self._program = valkey.serve(program, data, self._directory, durable=False)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"unix://{valkey.socket_path(self._directory)}"

    def start(self) -> None:
        """Return when it answers; empty, because nothing was kept."""
        self._child = process.start(self._program)
        process.wait_until(self._child, lambda: valkey.answers(self._directory), _TIMEOUT)

    def stop(self) -> None:
        if self._child is not None:
            process.stop([self._child], _TIMEOUT)
            self._child = None

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._child is not None
        self._child.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._child is not None
        self._child.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        if self._child is not None:
            self.thaw()
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
