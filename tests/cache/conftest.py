from collections.abc import AsyncIterator, Iterator

import pytest

from harka.cache.tenant import TenantCache
from harka.valkey import Client, open_client
from own_cluster import OwnCluster
from own_pair import OwnPair
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
def own_pair() -> Iterator[OwnPair]:
    pair = OwnPair()
    yield pair
    pair.remove()


@pytest.fixture
def own_cluster() -> Iterator[OwnCluster]:
    cluster = OwnCluster()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def replicated_cluster() -> Iterator[OwnCluster]:
    """With a replica of each node."""
    cluster = OwnCluster(replicas=True)
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
async def cache(shared_valkey: OwnValkey) -> AsyncIterator[TenantCache]:
    opened = opened_cache(shared_valkey)
    yield opened
    await opened.close()


@pytest.fixture
async def other(shared_valkey: OwnValkey) -> AsyncIterator[TenantCache]:
    """What another process has."""
    opened = opened_cache(shared_valkey)
    yield opened
    await opened.close()


@pytest.fixture
async def client(shared_valkey: OwnValkey) -> AsyncIterator[Client]:
    opened = open_client(shared_valkey.url, connections=64, connect_timeout=1.0)
    yield opened
    await opened.aclose()


def opened_cache(valkey: OwnValkey) -> TenantCache:
    """With more patience than in earnest: a busy machine must not look like a slow Valkey."""
    return TenantCache(valkey.url, KEY, patience=1.0)
