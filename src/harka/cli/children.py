"""Commands of our own as child processes: started again when they die, stopped with us, never orphaned."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import Final, Never

import msgspec

from harka import logs
from harka.cli.embedded.process import die_with_parent
from harka.clock import monotonic
from harka.config import Settings, environment

log = logs.logger("children")

PROGRAM: Final = (sys.executable, "-P", "-m", "harka.cli.main")
LAST_PORT: Final = 65_535
_STEADY: Final = 10.0  # seconds after which a child counts as started
_LAST_DELAY: Final = 5.0
_MARGIN: Final = 5.0  # seconds beyond its own grace before a child is killed


async def run(arguments: Sequence[str], settings: Settings) -> int:
    """Run `harka ARGUMENTS` with these settings; its exit code. Cancelled: it is stopped, too."""
    child = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C reaches us alone, and we stop the children in order
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            await _stop(child, patience=settings.shutdown_grace + _MARGIN)


async def keep(arguments: Sequence[str], settings: Settings) -> Never:
    """Run it for ever, with growing pauses when it does not stay up."""
    delay = 0.1
    while True:
        started = monotonic()
        code = await run(arguments, settings)
        delay = 0.1 if monotonic() - started > _STEADY else min(2 * delay, _LAST_DELAY)
        log.error("child process ended, starting it again", command=arguments[0], code=code, delay=delay)
        await asyncio.sleep(delay)


def sibling(settings: Settings, number: int) -> Settings:
    """The settings of process `number` of several: each has its own `/metrics`, the ports count up."""
    port = settings.metrics_port
    return msgspec.structs.replace(
        settings, metrics_port=port + number if 0 < port <= LAST_PORT - number else 0
    )


async def _stop(child: asyncio.subprocess.Process, *, patience: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    # not asyncio.timeout: we clean up after a cancellation, which before Python 3.11.3 it takes for its own
    ended = asyncio.ensure_future(child.wait())
    await asyncio.wait({ended}, timeout=patience)
    if not ended.done():
        child.kill()
    await ended
