from collections.abc import AsyncIterator, Iterator

import pytest

from harka.cache.tenant import TenantCache
from own_valkey import OwnValkey

KEY = bytes(range(16))


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    valkey.start()
    yield valkey
    valkey.remove()


@pytest.fixture
def own_valkey() -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    valkey.start()
    yield valkey
    valkey.remove()


@pytest.fixture
async def cache(shared_valkey: OwnValkey) -> AsyncIterator[TenantCache]:
    opened = TenantCache(shared_valkey.url, KEY)
    yield opened
    await opened.close()
