"""Where benchmarks log to: lines are written, as in earnest, and nobody reads them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from harka import logs
from harka.config import Settings


@contextmanager
def logged_nowhere() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, logs.writing(Settings(), nowhere):  # noqa: PTH123 - a device
        yield
