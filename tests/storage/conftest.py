"""A database of its own for the tests of this floor: they break connections and hold locks."""

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest

from harka.cli.embedded import postgres
from harka.config import Settings
from harka.storage.databases import Databases
from harka.storage.location import (
    APP_ROLE,
    CONTROL_ROLE,
    OWNER_ROLE,
    Location,
    with_database,
    with_role,
)
from harka.storage.migrate import connected, migrate_all
from harka.storage.provision import create_home, prepare_server
from harka.storage.session import ShardSession, open_session
from storage.relay import Relay

OpenSession = Callable[..., ShardSession]


@pytest.fixture(scope="session")
async def storage_settings(servers: Any) -> AsyncIterator[Settings]:
    """Prepared and migrated, without a tenant; pools of one connection, which the next user gets again."""
    name = f"storage_{secrets.token_hex(4)}"
    await prepare_server(servers.admin_url, database=name)
    own = with_database(servers.admin_url, name)
    settings = Settings(
        database_url=with_role(own, CONTROL_ROLE),
        app_database_url=with_role(own, APP_ROLE),
        admin_database_url=with_role(own, OWNER_ROLE),
        pool_size=1,
    )
    await migrate_all(settings)
    yield settings
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
async def home(storage_settings: Settings) -> Location:
    """A shard's schema with all tenant tables."""
    location = Location("app", "shard_small_7")
    await create_home(storage_settings, location)
    return location


@pytest.fixture
async def databases(storage_settings: Settings) -> AsyncIterator[Databases]:
    opened = Databases(storage_settings)
    yield opened
    await opened.close()


@pytest.fixture
def begin(databases: Databases, home: Location) -> OpenSession:
    """`begin(tenant, read_only=False, single=False, timeout=5.0)`: a session in `home`."""

    def begun(
        tenant: UUID, *, read_only: bool = False, single: bool = False, timeout: float = 5.0
    ) -> ShardSession:
        return open_session(databases, home, tenant, read_only=read_only, single=single, timeout=timeout)

    return begun


@pytest.fixture
def wide(storage_settings: Settings) -> Settings:
    """The same database with room for several connections at once."""
    return msgspec.structs.replace(storage_settings, pool_size=4)


@pytest.fixture
async def relay(servers: Any) -> AsyncIterator[Relay]:
    async with Relay(f"{servers.embedded.sockets}/pg/.s.PGSQL.{postgres.PORT}") as relay:
        yield relay


@pytest.fixture
async def relayed(storage_settings: Settings, relay: Relay) -> AsyncIterator[Databases]:
    """The same databases, by way of the relay."""
    name = (storage_settings.app_database_url or "").partition("@/")[2].partition("?")[0]
    url = f"postgresql://harka_app@127.0.0.1:{relay.port}/{name}?sslmode=disable"
    databases = Databases(msgspec.structs.replace(storage_settings, app_database_url=url, pool_size=5))
    yield databases
    relay.speak()
    await databases.close()
