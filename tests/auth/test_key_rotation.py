from datetime import timedelta

import msgspec

from harka import clock
from harka.auth.key_rotation import rotate, spent
from harka.auth.token import MAX_LIFETIME
from harka.crypto.signing import Algorithm
from harka.repositories import signing_key as signing_keys
from harka.repositories.organization import Organization
from harka.repositories.signing_key import KNOWN_AFTER, SHOWN_FOR
from harka.storage.catalog import Catalog
from harka.tenancy import signing_key
from tenancy.samples import KEYRING


async def kids(catalog: Catalog, tenant: Organization) -> set[str]:
    return {key.kid for key in await signing_keys.list_live(catalog, [tenant.id])}


async def test_the_key_before_is_accepted_still_and_the_new_one_signs(
    catalog: Catalog, tenant: Organization
) -> None:
    before = await kids(catalog, tenant)
    done = await rotate(catalog, KEYRING, tenant.id, algorithm=Algorithm.EDDSA)
    assert done.retired == []
    assert await kids(catalog, tenant) == {*before, done.made}
    # whoever looked at our keys a moment before may keep what they saw
    for later, wanted in ((timedelta(0), before), (SHOWN_FOR, before), (KNOWN_AFTER, {done.made})):
        now = clock.now() + later
        signing = await signing_keys.find_current(catalog, tenant.id, now=now)
        assert signing is not None
        assert {signing.kid} == wanted, later


async def test_a_key_made_right_after_another_does_not_sign_before_it(
    catalog: Catalog, tenant: Organization
) -> None:
    await rotate(catalog, KEYRING, tenant.id, leaked=True)
    first = (await signing_keys.list_live(catalog, [tenant.id]))[0].kid
    second = await rotate(catalog, KEYRING, tenant.id)
    third = await rotate(catalog, KEYRING, tenant.id)
    assert second.retired == third.retired == []
    now = await signing_keys.find_current(catalog, tenant.id)
    later = await signing_keys.find_current(catalog, tenant.id, now=clock.now() + KNOWN_AFTER)
    assert now is not None
    assert later is not None
    assert (now.kid, later.kid) == (first, third.made)


async def test_a_leak_retires_all_others(catalog: Catalog, tenant: Organization) -> None:
    before = await kids(catalog, tenant)
    done = await rotate(catalog, KEYRING, tenant.id, leaked=True)
    assert set(done.retired) == before
    assert await kids(catalog, tenant) == {done.made}
    signing = await signing_keys.find_current(catalog, tenant.id)
    assert signing is not None
    assert signing.kid == done.made


def test_a_key_is_spent_when_its_last_token_is_over(tenant: Organization) -> None:
    now, made = clock.now(), signing_key.make(KEYRING, tenant.id)
    # the one before signed until all knew the next, and what it signed then lives as long as any
    spends = MAX_LIFETIME + KNOWN_AFTER
    ages = [timedelta(days=90), spends + timedelta(minutes=1), timedelta(hours=1)]
    first, second, third = [msgspec.structs.replace(made, kid=str(age), created_at=now - age) for age in ages]
    assert spent([third, first, second], now) == [first]
    assert spent([first], now) == []
    fresh = msgspec.structs.replace(second, created_at=now - spends + timedelta(minutes=1))
    assert spent([first, fresh], now) == []
    assert spent([first, third], now) == []
