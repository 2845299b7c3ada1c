from pathlib import Path

import pytest

from browser import DRIVER, is_required
from node import install

# where there is no browser the rest is tested all the same; CI has to have one
_IN_A_BROWSER = ["test_browser.py", "test_browser_passkey.py", "test_browser_plain.py"]
collect_ignore = [] if DRIVER or is_required() else _IN_A_BROWSER


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`node/` with its npm packages."""
    return install(Path(__file__).parent / "node", tmp_path_factory.mktemp("node"))
