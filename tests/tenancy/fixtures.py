"""Parts of a real catalog for the tests of tenancy and auth; each `tenant` is a new one."""

from collections.abc import AsyncIterator

import pytest

from harka.config import Settings
from harka.ids import new_id
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant


def new_slug() -> str:
    return f"t{new_id().hex[-12:]}"


@pytest.fixture
async def catalog(settings: Settings) -> AsyncIterator[Catalog]:
    opened = Catalog(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def databases(settings: Settings) -> AsyncIterator[Databases]:
    opened = Databases(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def tenant(catalog: Catalog, settings: Settings) -> Organization:
    return await _made(catalog, settings)


@pytest.fixture
async def other_tenant(catalog: Catalog, settings: Settings) -> Organization:
    return await _made(catalog, settings)


async def _made(catalog: Catalog, settings: Settings) -> Organization:
    # 200 users: ten shards instead of fifty keep the number of schemas low
    slug = new_slug()
    return await create_tenant(catalog, settings, name=slug, slug=slug, plan=Plan.STARTER, users_expected=200)
