"""The catalog of the session, and organizations in it that have no home: for tests of its repositories.

They are taken out again after the test: a placement that leads nowhere is a migration that is pending.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from harka import clock
from harka.config import Settings
from harka.ids import new_id
from harka.repositories import organization as organizations
from harka.repositories import placement as placements
from harka.repositories.organization import Organization
from harka.repositories.placement import Placement
from harka.storage.catalog import Catalog

__all__ = ["AddOrganization", "add_organization", "catalog"]

AddOrganization = Callable[[], Awaitable[Organization]]


@pytest.fixture(scope="session")
async def catalog(settings: Settings) -> AsyncIterator[Catalog]:
    opened = Catalog(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def add_organization(catalog: Catalog) -> AsyncIterator[AddOrganization]:
    added: list[Organization] = []

    async def add() -> Organization:
        made = _organization()
        home = Placement(
            tenant_id=made.id,
            shard=made.shard,
            mode=made.mode,
            database=made.database,
            schema=made.schema,
            epoch=made.epoch,
        )
        async with catalog.transaction() as transaction:
            await organizations.insert(transaction, made)
            await placements.insert(transaction, home)
        added.append(made)
        return made

    yield add
    for each in added:
        await organizations.delete(catalog, each.id)


def _organization() -> Organization:
    now = clock.now()
    return Organization(
        id=new_id(),
        name="Łódź Academy",
        slug=f"r{secrets.token_hex(6)}",
        plan="GROWTH",
        status="active",
        locale="pl",
        timezone="Europe/Warsaw",
        region=None,
        settings={"week": {"starts": 1}, "tags": ["ü", None]},
        features={"sso": False},
        created_at=now,
        updated_at=now,
        version=1,
        domain=None,
        shard="shard_small_1",
        mode="POOL",
        database="app",
        schema="shard_small_1",
        epoch=1,
    )
