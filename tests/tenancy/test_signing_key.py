import json

import msgspec
import pytest

from harka.crypto.envelope import BrokenSealError
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.ids import new_id
from harka.tenancy.signing_key import make, private_jwk
from tenancy.samples import KEYRING

TENANT = new_id()


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_private_half_is_sealed_and_opens_again(algorithm: Algorithm) -> None:
    key = make(KEYRING, TENANT, algorithm)
    opened = json.loads(private_jwk(KEYRING, key))
    assert key.public_jwk.items() <= opened.items()
    assert opened["d"].encode() not in key.sealed_private
    assert (key.tenant_id, key.algorithm, key.retired_at) == (TENANT, algorithm, None)


def test_it_opens_for_no_other_tenant_key_or_secret() -> None:
    key, other = make(KEYRING, TENANT), make(KEYRING, TENANT)
    for stolen in (
        msgspec.structs.replace(key, tenant_id=new_id()),
        msgspec.structs.replace(other, sealed_private=key.sealed_private),
    ):
        with pytest.raises(BrokenSealError):
            private_jwk(KEYRING, stolen)
    with pytest.raises(BrokenSealError):
        private_jwk(Keyring("01" * 32), key)
