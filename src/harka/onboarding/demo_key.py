"""The API keys of the demo tenants, which `harka up` prints at every start although only hashes are stored.

They alone are derived, from the deployment's secret and the tenant's id (`docs/demo-data.md`, Demo keys);
every other key is random. Whoever holds the secret could open everything anyway.
"""

import hashlib
from contextlib import suppress
from typing import Final
from uuid import UUID

from harka.auth import api_key
from harka.crypto.keyring import Keyring
from harka.repositories import api_key as api_keys
from harka.storage.catalog import Catalog
from harka.storage.failure import UniqueError
from harka.tenancy.permission import Permission

_NAME: Final = "demo"


def text(keyring: Keyring, tenant: UUID) -> str:
    """The demo key of `tenant`, always the same under one secret."""
    entropy = hashlib.blake2b(tenant.bytes, digest_size=api_key.ENTROPY_BYTES, key=keyring.demo_key).digest()
    return api_key.text_of(entropy)


async def ensure(catalog: Catalog, keyring: Keyring, tenant: UUID) -> None:
    """Let the demo key in, with every permission. One that was revoked stays revoked."""
    key = text(keyring, tenant)
    known = {known.prefix for known in await api_keys.list_by_tenant(catalog, tenant)}
    if api_key.prefix_of(key) not in known:
        # another loader may be as fast; it makes the same key
        with suppress(UniqueError):
            await api_key.create(catalog, tenant, name=_NAME, scopes=list(Permission), text=key)
