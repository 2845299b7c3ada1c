"""`harka up`: everything on this machine. Most of it is in `stack`, imported while the servers come up."""

import gc
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from harka.cli.embedded.directory import DATA, claim
from harka.cli.embedded.servers import Embedded
from harka.cli.signals import interrupt_on_stop
from harka.config import load


def up(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of the API; the next free one if it is taken.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Where everything is kept between runs.")] = DATA,
    demo: Annotated[bool, typer.Option(help="Load the demo tenants on the first run.")] = True,
) -> None:
    """Run HARKA whole: embedded PostgreSQL and Valkey, API, worker, dashboard, demo tenants."""
    began = time.monotonic()
    interrupt_on_stop()
    settings = load()
    if port is not None:
        settings = msgspec.structs.replace(settings, port=port)
    try:
        with claim(data) as directory, Embedded(settings, directory) as embedded:
            gc.disable()  # nothing of what is imported goes again; looking for it took a tenth of the time
            from harka.cli.stack import run  # noqa: PLC0415 - takes a second, in which the servers come up

            gc.enable()
            run(embedded, began=began, demo=demo)
    except KeyboardInterrupt:
        pass
    print("harka: stopped", file=sys.stderr)
