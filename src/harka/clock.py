"""The one place that reads time, so that a test can replace it."""

import time
from datetime import UTC, datetime

monotonic = time.monotonic
"""Seconds that never go backwards; for deadlines and durations only."""


def now() -> datetime:
    """Wall clock, timezone-aware, UTC."""
    return datetime.now(UTC)
