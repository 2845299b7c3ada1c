"""The implementations of the fast path that exist here: the compiled one where it was built, and its twin."""

from pathlib import Path

import harka

PACKAGE = Path(harka.__file__).parent


def built(name: str) -> list[Path]:
    """The compiled files of the module `harka.<name>`."""
    return [path for suffix in ("so", "pyd") for path in PACKAGE.glob(f"{name}.*{suffix}")]


FASTPATHS = ["_fastpath", "_fastpath_py"] if built("_fastpath") else ["_fastpath_py"]
