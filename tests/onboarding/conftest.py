import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from academy import academy, academy_settings, parts, rival
from harka.config import Settings
from harka.storage.location import APP_ROLE, CONTROL_ROLE, OWNER_ROLE, with_database, with_role
from harka.storage.migrate import connected, migrate_all
from harka.storage.provision import drop_home, prepare_server
from harka.tenancy.placement import Mode
from onboarding.opened import Opened, opened

__all__ = ["academy", "academy_settings", "empty", "parts", "rival"]


@pytest.fixture(scope="module")
async def empty(servers: Any, settings: Settings) -> AsyncIterator[Opened]:
    """A deployment of its own for the tests of a module: a catalog without tenants."""
    name = f"demo_{secrets.token_hex(4)}"
    await prepare_server(servers.admin_url, database=name)
    url = with_database(servers.admin_url, name)
    own = msgspec.structs.replace(
        settings,
        database_url=with_role(url, CONTROL_ROLE),
        app_database_url=with_role(url, APP_ROLE),
        admin_database_url=with_role(url, OWNER_ROLE),
        listen_database_url=None,
    )
    await migrate_all(own)
    async with opened(own) as services:
        yield services
        homes = [each.location for each in await services.organizations() if each.mode == Mode.DEDICATED]
    for home in homes:
        await drop_home(own, home)
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
