"""Locust in processes of its own: one call is one run of it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
from stage import LOOPBACK
from statistics_file import Figures, read

_LOCUSTFILE: Final = Path(__file__).resolve().with_name("locustfile.py")
_MARGIN: Final = 60.0
_FEW: Final = 10
_BUSY: Final = "CPU usage"


class SwarmError(Exception):
    """Locust itself went wrong."""


class Swarm(msgspec.Struct, frozen=True, kw_only=True):
    """`only`: names of scenarios; empty for all. `processes`: of Locust."""

    host: str
    tenants: Path
    directory: Path
    processes: int = 1
    only: tuple[str, ...] = ()

    def run(self, *, users: int, pace: float, seconds: float, html: Path | None = None) -> Figures:
        """Raise `SwarmError`. What failed of the requests stands in the figures."""
        # Locust adds the suffix itself
        figures = self.directory / "figures.json"
        errors = self.directory / "errors"
        for old in (figures, errors):
            old.unlink(missing_ok=True)
        log = self.directory / "locust.log"
        with log.open("wb") as written:
            done = subprocess.run(  # noqa: S603 - our own argument vector, no shell
                self._command(users, pace, seconds, html),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                timeout=seconds + _MARGIN,
                check=False,
            )
        found = read(figures, errors) if figures.exists() and errors.exists() else None
        if done.returncode or found is None or not found.lines:
            raise SwarmError(
                f"locust ended with {done.returncode}:\n{log.read_text(errors='replace')[-3000:]}"
            )
        if _BUSY in log.read_text(errors="replace"):
            sys.stderr.write("loadtest: Locust itself was short of processor time; try more --generators\n")
        return found

    def _command(self, users: int, pace: float, seconds: float, html: Path | None) -> list[str]:
        command = [
            *(
                sys.executable,
                "-m",
                "locust",
                "--locustfile",
                str(_LOCUSTFILE),
                "--headless",
                "--only-summary",
            ),
            *("--host", self.host, "--tenants", str(self.tenants), "--pace", str(pace)),
            *(
                "--users",
                str(users),
                "--spawn-rate",
                str(max(users, _FEW)),
                "--run-time",
                f"{seconds:.0f}s",
            ),
            *("--stop-timeout", "5", "--exit-code-on-error", "0"),
            *("--json-file", str(self.directory / "figures"), "--errors", str(self.directory / "errors")),
        ]
        if html is not None:
            command += ["--html", str(html.absolute())]
        if self.processes > 1:
            command += ["--processes", str(self.processes), "--expect-workers", str(self.processes)]
            command += ["--master-host", LOOPBACK, "--master-bind-host", LOOPBACK]
        return [*command, *self.only]
