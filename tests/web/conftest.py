import os
from pathlib import Path

import pytest

from browser import DRIVER
from node import install

# where there is no browser the rest is tested all the same; CI has to have one
_IS_REQUIRED = any(os.environ.get(name) for name in ("CI", "HARKA_REQUIRE_CHROMIUM"))
collect_ignore = [] if DRIVER or _IS_REQUIRED else ["test_browser.py", "test_browser_passkey.py"]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`node/` with its npm packages."""
    return install(Path(__file__).parent / "node", tmp_path_factory.mktemp("node"))
