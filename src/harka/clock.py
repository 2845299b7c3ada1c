"""The one place that reads time, so that a test can replace it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

monotonic = time.monotonic
"""Seconds that never go backwards; for deadlines and durations only."""


now: Final[Callable[[], datetime]] = partial(datetime.now, UTC)
"""Wall clock, timezone-aware, UTC."""
