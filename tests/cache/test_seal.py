from uuid import uuid4

import pytest

from harka.cache.seal import Seal
from harka.codec import packed

KEY = bytes(range(16))


def test_a_value_is_opened_under_its_name_alone() -> None:
    seal = Seal(KEY)
    sealed = seal.sealed("name", packed("value"))
    assert seal.opened("name", sealed, str) == "value"
    assert seal.opened("nam", b"e" + sealed, str) is None
    assert seal.opened("other", sealed, str) is None
    assert Seal(bytes(16)).opened("name", sealed, str) is None


@pytest.mark.parametrize("garbage", [b"", b"x", b"x" * 200, bytes(16) + b"\x80"])
def test_garbage_is_no_value(garbage: bytes) -> None:
    assert Seal(KEY).opened("name", garbage, str) is None


def test_what_is_no_longer_of_the_type_is_no_value() -> None:
    seal = Seal(KEY)
    assert seal.opened("name", seal.sealed("name", packed("text")), int) is None


def test_a_name_tells_tenant_kind_version_and_key_apart() -> None:
    seal, one, other = Seal(KEY), uuid4(), uuid4()
    names = {
        seal.name(tenant, kind, version, key)
        for tenant in (one, other)
        for kind in ("thing", "things")
        for version in (1, 2)
        for key in (one, "a", 1, b"1", None)
    }
    assert len(names) == 40


def test_all_names_of_a_tenant_are_in_one_slot_of_a_cluster() -> None:
    tenant = uuid4()
    name = Seal(KEY).name(tenant, "thing", 1, "{other}")
    assert name.partition("{")[2].partition("}")[0] == tenant.hex
