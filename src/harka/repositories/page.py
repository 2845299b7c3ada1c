"""Keyset pages: rows in the order of (created_at, id), continued after the last row seen."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

Position = tuple[datetime, UUID]

BEGINNING: Final[Position] = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
"""Before every row. A real position instead of "no position" keeps the comparison a plain index condition."""
