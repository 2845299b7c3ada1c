"""`harka reset`: forget everything."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from harka.cli.embedded.directory import DATA, LOCK_NAME, DataDirectoryError, claim, locate


def reset(
    *,
    data: Annotated[Path, typer.Option(help="Data directory of the embedded servers.")] = DATA,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the embedded servers' data. Refused while they run."""
    directory = locate(data)
    if not directory.exists():
        print(f"{directory}: nothing there")
        return
    if not (directory / LOCK_NAME).exists():
        raise DataDirectoryError(f"{directory} is not a data directory of HARKA")
    with claim(data):
        if not yes:
            typer.confirm(f"Delete {directory} with all organizations in it?", abort=True)
        # the lock goes with the rest: whoever waits for it notices, and makes a new one
        shutil.rmtree(directory)
    print(f"{directory}: deleted")
