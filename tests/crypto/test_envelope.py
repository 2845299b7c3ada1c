from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.crypto.envelope import BrokenSealError, open_sealed, seal
from harka.errors import TenantRequiredError

KEY = bytes(range(32))
TENANT = UUID("018f0000-0000-7000-8000-000000000001")
OTHER = UUID("018f0000-0000-7000-8000-000000000002")


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_opens_again(plaintext: bytes, purpose: str) -> None:
    box = seal(KEY, plaintext, tenant=TENANT, purpose=purpose)
    assert open_sealed(KEY, box, tenant=TENANT, purpose=purpose) == plaintext


def test_the_same_text_is_never_sealed_alike() -> None:
    assert seal(KEY, b"x", tenant=TENANT, purpose="p") != seal(KEY, b"x", tenant=TENANT, purpose="p")


@pytest.mark.parametrize(
    ("key", "tenant", "purpose"), [(KEY, OTHER, "p"), (KEY, TENANT, "q"), (bytes(32), TENANT, "p")]
)
def test_a_box_opens_only_for_its_tenant_purpose_and_key(key: bytes, tenant: UUID, purpose: str) -> None:
    box = seal(KEY, b"secret", tenant=TENANT, purpose="p")
    with pytest.raises(BrokenSealError):
        open_sealed(key, box, tenant=tenant, purpose=purpose)


@given(st.data())
def test_a_changed_box_never_opens(data: st.DataObject) -> None:
    box = bytearray(seal(KEY, b"secret", tenant=TENANT, purpose="p"))
    place = data.draw(st.integers(0, len(box) - 1))
    box[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BrokenSealError):
        open_sealed(KEY, bytes(box), tenant=TENANT, purpose="p")


@given(st.binary(max_size=60))
def test_an_invented_box_never_opens(box: bytes) -> None:
    with pytest.raises(BrokenSealError):
        open_sealed(KEY, box, tenant=TENANT, purpose="p")


def test_nothing_is_sealed_without_a_tenant() -> None:
    with pytest.raises(TenantRequiredError):
        seal(KEY, b"secret", tenant=cast("Any", None), purpose="p")
