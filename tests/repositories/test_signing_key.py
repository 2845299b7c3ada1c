import secrets
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from harka import clock
from harka.errors import ValidationError
from harka.repositories import signing_key as signing_keys
from harka.repositories.signing_key import SigningKey
from harka.storage.catalog import Catalog
from registry import AddOrganization


def key(tenant: UUID, *, age: int = 0, algorithm: str = "EdDSA") -> SigningKey:
    return SigningKey(
        kid=secrets.token_urlsafe(12),
        tenant_id=tenant,
        algorithm=algorithm,
        public_jwk={"kty": "OKP", "crv": "Ed25519", "x": "abc"},
        sealed_private=secrets.token_bytes(48),
        created_at=clock.now() - timedelta(days=age),
        retired_at=None,
    )


async def test_newest_key_signs_and_all_live_ones_verify(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant = (await add_organization()).id
    old, new = key(tenant, age=2), key(tenant, age=1)
    for each in (new, old):
        await signing_keys.insert(catalog, each)
    assert await signing_keys.find_current(catalog, tenant) == new
    live = await signing_keys.list_live(catalog, [tenant])
    public = [msgspec.structs.replace(each, sealed_private=b"") for each in (old, new)]
    assert sorted(live, key=lambda each: each.created_at) == public


async def test_retired_key_is_gone_for_signing_and_verifying(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant, other = (await add_organization()).id, (await add_organization()).id
    mine = key(tenant)
    await signing_keys.insert(catalog, mine)
    assert not await signing_keys.retire(catalog, other, mine.kid)
    assert await signing_keys.retire(catalog, tenant, mine.kid)
    assert not await signing_keys.retire(catalog, tenant, mine.kid)
    assert await signing_keys.list_live(catalog, [tenant]) == []
    assert await signing_keys.find_current(catalog, tenant) is None


async def test_key_without_a_private_half_only_verifies(
    catalog: Catalog, add_organization: AddOrganization
) -> None:
    tenant = (await add_organization()).id
    foreign = msgspec.structs.replace(key(tenant), sealed_private=b"")
    await signing_keys.insert(catalog, foreign)
    assert await signing_keys.list_live(catalog, [tenant]) == [foreign]
    assert await signing_keys.find_current(catalog, tenant) is None


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256"])
async def test_other_algorithms_cannot_even_be_stored(
    catalog: Catalog, add_organization: AddOrganization, algorithm: str
) -> None:
    tenant = (await add_organization()).id
    with pytest.raises(ValidationError):
        await signing_keys.insert(catalog, key(tenant, algorithm=algorithm))
    assert await signing_keys.list_live(catalog, [tenant]) == []
