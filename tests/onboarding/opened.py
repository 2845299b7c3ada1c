"""What `demo.load` needs, opened; also for a process of its own that is then killed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from harka.cache.tenant import TenantCache
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.files.store import FileStore
from harka.pubsub import PubSub
from harka.repositories import organization as organizations
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    databases: Databases
    catalog: Catalog
    cache: TenantCache
    pubsub: PubSub
    keyring: Keyring
    files: FileStore

    async def organizations(self) -> list[Organization]:
        ids = await organizations.list_ids(self.catalog, after=None, first=1_000)
        return await organizations.find_by_ids(self.catalog, ids)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    keyring = Keyring(settings.secret)
    async with AsyncExitStack() as stack:
        databases, catalog = Databases(settings), Catalog(settings)
        cache, pubsub = TenantCache(settings.redis_url, keyring.cache), PubSub(settings.redis_url)
        for each in (databases, catalog, cache, pubsub):
            stack.push_async_callback(each.close)
        yield Opened(
            settings=settings,
            databases=databases,
            catalog=catalog,
            cache=cache,
            pubsub=pubsub,
            keyring=keyring,
            files=FileStore(settings.files_url, keyring.seal),
        )
