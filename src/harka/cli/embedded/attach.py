"""Which servers a command talks to: configured ones, those of a running `harka up`, or its own."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from harka.cli.embedded.directory import DATA, claim, holder, locate
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.servers import Embedded, connected_settings, has_data, running_sockets
from harka.config import Settings, load
from harka.errors import HarkaError

__all__ = ["DATA", "NotStartedError", "connected"]


class NotStartedError(HarkaError):
    """The servers of this data directory are not up yet; try again in a moment."""


class NoDataError(HarkaError):
    """There is nothing in this data directory."""


@contextlib.contextmanager
def connected(
    data: Path = DATA, settings: Settings | None = None, *, begins: bool = False
) -> Iterator[Settings]:
    """Settings in which every URL is filled.

    What the environment names is used as it is. Gaps are filled with the servers of the `harka up` that runs
    on `data`, or else with servers that are started on `data`, migrated, and stopped when the block ends.
    Raise `NoDataError` where `data` holds nothing yet, unless this command `begins` it.
    """
    settings = settings or load()
    if is_complete(settings):
        yield settings
    elif (running := running_settings(settings, data)) is not None:
        yield running
    elif not (begins or has_data(locate(data))):
        raise NoDataError(f"There is no data in {data}: does `harka up` run with another --data?")
    else:
        with claim(data) as directory, Embedded(settings, directory) as embedded:
            embedded.wait()
            asyncio.run(prepare(embedded.settings, embedded.admin_url))
            yield embedded.settings


def is_complete(settings: Settings) -> bool:
    """Whether nothing has to be embedded."""
    return bool(settings.database_url and settings.redis_url and settings.secret)


def running_settings(settings: Settings, data: Path) -> Settings | None:
    """With the servers of the `harka up` that runs on `data`; None when none does."""
    if holder(data) is None:
        return None
    directory = locate(data)
    sockets = running_sockets(directory)
    if sockets is None:
        raise NotStartedError
    return connected_settings(settings, directory, sockets)
