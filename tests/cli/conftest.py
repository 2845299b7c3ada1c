import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory to be: where PostgreSQL's own user gets to; the name is long and has spaces in it."""
    place = Path(tempfile.mkdtemp(prefix="harka-test-", dir="/var/tmp"))
    place.chmod(0o755)
    yield place / ("a long name " * 8) / "data"
    shutil.rmtree(place)
