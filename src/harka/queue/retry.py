"""Three attempts, each later than the one before; then the job stays as a dead letter."""

import random
from typing import Final

from harka.errors import HarkaError

MAX_ATTEMPTS: Final = 3
FIRST_DELAY: Final = 2.0
"""Seconds before the second attempt."""
_LONGEST_ERROR: Final = 500


def delay_after(attempt: int) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1): doubling, and up to half as long again.

    The chance part keeps jobs that failed together from coming back together.
    """
    doubled = FIRST_DELAY * 2.0 ** (attempt - 1)
    return doubled * random.uniform(1.0, 1.5)  # noqa: S311 - spreads load, guards nothing


def reason(error: BaseException) -> str:
    """What a dead letter says. Foreign errors give their class only: messages may carry rows' values."""
    name = type(error).__name__
    return f"{name}: {error.message}"[:_LONGEST_ERROR] if isinstance(error, HarkaError) else name
