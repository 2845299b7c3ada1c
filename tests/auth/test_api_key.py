import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.auth.api_key import KEY_CHARACTERS, create, is_live, revoke, verify
from harka.clock import now
from harka.errors import NotFoundError, UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.repositories import api_key as repository
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.tenancy.permission import Permission
from tenancy.samples import NOW, api_key, key_text, organization

ACME = organization("acme")
TEXT = key_text(1)
KEY = api_key(ACME.id, TEXT)
KEYS = {KEY.prefix: KEY}


def test_a_key_verifies() -> None:
    assert verify(KEYS, TEXT, NOW) is KEY


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1] + b"t",
        TEXT + b"s",
        TEXT[:-1],
        key_text(2),
        TEXT.replace(b"hk_", b"kh_"),
        b"",
        b"hk_",
        KEY.prefix.encode(),
        b"hk_\xff\xfe" + b"x" * 60,
    ],
)
def test_a_wrong_key_is_refused_without_a_reason(text: bytes) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        verify(KEYS, text, NOW)
    assert caught.value.message == UnauthenticatedError().message


def test_an_unknown_prefix_is_refused_like_a_wrong_secret() -> None:
    with pytest.raises(UnauthenticatedError):
        verify({}, TEXT, NOW)


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    expiring = msgspec.structs.replace(KEY, expires_at=NOW + timedelta(seconds=1))
    assert verify({KEY.prefix: expiring}, TEXT, NOW) is expiring
    revoked = msgspec.structs.replace(KEY, revoked_at=NOW)
    for dead, at in ((expiring, NOW + timedelta(seconds=1)), (revoked, NOW)):
        assert not is_live(dead, at)
        with pytest.raises(UnauthenticatedError):
            verify({KEY.prefix: dead}, TEXT, at)


@given(st.binary(max_size=80))
def test_rubbish_is_refused(text: bytes) -> None:
    with pytest.raises(UnauthenticatedError):
        verify(KEYS, text, NOW)


async def test_a_new_key_is_kept_as_its_hash_only(catalog: Catalog, tenant: Organization) -> None:
    made = await create(catalog, tenant.id, name="ci", scopes=["course:read", "course:read"])
    assert re.fullmatch(r"hk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", made.text)
    assert len(made.text) == KEY_CHARACTERS
    assert made.text not in repr(made)
    kept = await repository.list_live(catalog, [tenant.id])
    assert kept == [made.key]
    assert made.text[16:] not in repr(kept)
    assert verify({made.key.prefix: kept[0]}, made.text.encode(), now()).scopes == [Permission.COURSE_READ]


async def test_a_revoked_key_is_no_longer_live_for_anyone(catalog: Catalog, tenant: Organization) -> None:
    made = await create(catalog, tenant.id, name="ci", scopes=["course:read"])
    with pytest.raises(NotFoundError):
        await revoke(catalog, new_id(), made.key.prefix)
    assert [key.id for key in await repository.list_live(catalog, [tenant.id])] == [made.key.id]
    await revoke(catalog, tenant.id, made.key.prefix)
    assert await repository.list_live(catalog, [tenant.id]) == []
    with pytest.raises(NotFoundError):
        await revoke(catalog, tenant.id, made.key.prefix)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("scopes", {"scopes": ["everything"]}),
        ("scopes", {"scopes": []}),
        ("name", {"name": " "}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "a\x00b"}),
        ("expiresAt", {"expires_at": now() - timedelta(days=1)}),
    ],
)
async def test_a_senseless_key_is_not_made(
    catalog: Catalog, tenant: Organization, field: str, given: dict[str, object]
) -> None:
    wanted: dict[str, object] = {"name": "ci", "scopes": ["course:read"], **given}
    with pytest.raises(ValidationError) as caught:
        await create(catalog, tenant.id, **wanted)  # type: ignore[arg-type] # one of them is wrong
    assert caught.value.field == field
    assert await repository.list_by_tenant(catalog, tenant.id) == []
