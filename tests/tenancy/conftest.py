from cache.conftest import own_pair, own_valkey, shared_valkey
from nameserver import name_server
from tenancy.fixtures import catalog, databases, other_tenant, tenant
from tenancy.quotas import join

__all__ = [
    "catalog",
    "databases",
    "join",
    "name_server",
    "other_tenant",
    "own_pair",
    "own_valkey",
    "shared_valkey",
    "tenant",
]
