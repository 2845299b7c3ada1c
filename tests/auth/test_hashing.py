from harka.auth.hashing import Hasher
from harka.ids import new_id


async def test_a_password_is_verified() -> None:
    hasher, tenant = Hasher(workers=1), new_id()
    hashed = await hasher.hash(tenant, "vexed kiln plumage 4")
    assert await hasher.verify(tenant, hashed, "vexed kiln plumage 4")
    assert not await hasher.verify(tenant, hashed, "another")
    assert not await hasher.verify(tenant, None, "another")
    hasher.close()
