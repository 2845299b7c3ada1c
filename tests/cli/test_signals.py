import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harka.cli.signals import held_back, on_stop

STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", STOPPING)
async def test_a_running_loop_is_told(number: signal.Signals) -> None:
    asked = asyncio.Event()
    with on_stop(asked.set):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await asked.wait()


@pytest.mark.parametrize("number", STOPPING)
def test_a_program_without_a_loop_unwinds(number: signal.Signals) -> None:
    script = f"""
import os, signal
from harka.cli.signals import interrupt_on_stop
interrupt_on_stop()
try:
    os.kill(os.getpid(), {int(number)})
    signal.pause()
finally:
    print("unwound", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "unwound\n"
    assert "KeyboardInterrupt" in done.stderr


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C as Python has it, whatever a runner of loops, or a shell, has made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_a_step_and_its_note_are_not_torn_apart() -> None:
    notes = []

    def step() -> None:
        with held_back():
            os.kill(os.getpid(), signal.SIGINT)
            notes.append("taken")

    with pytest.raises(KeyboardInterrupt):
        step()
    assert notes == ["taken"]


def test_nothing_is_delivered_that_was_not_sent() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with held_back():
        pass
    assert signal.getsignal(signal.SIGTERM) is before
