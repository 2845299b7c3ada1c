import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from argon2 import PasswordHasher

from academy import Academy
from harka.auth.hashing import Hasher
from harka.auth.ldap import Directories
from harka.auth.oidc import Providers
from harka.auth.password import hash_password, is_outdated
from harka.auth.saml import Assertions
from harka.cache.throttle import Rate, Throttle
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.errors import (
    RateLimitedError,
    SsoRequiredError,
    TenantMismatchError,
    UnauthenticatedError,
    UnavailableError,
    WrongPasswordError,
)
from harka.learning import entrance, session
from harka.learning.entrance import OF_ALL, OF_STRANGERS, OF_STRANGERS_THERE, Entrance, Shown
from harka.learning.outside import Outside
from harka.learning.session import Device
from harka.repositories import password as passwords
from harka.repositories import session as sessions
from harka.repositories import sso as connections
from harka.repositories.sso import Policy
from harka.repositories.user import User
from harka.storage.catalog import Catalog
from harka.tenancy.dns import Dns

PASSWORD = "vexed kiln plumage 4"
BROWSER = Device("browser", "203.0.113.7", "Firefox")
APP = Device("app", "203.0.113.7")
_HASH = hash_password(PASSWORD)


@pytest.fixture
async def door(academy: Academy, academy_settings: Settings) -> AsyncIterator[Entrance]:
    parts, hasher, directories, assertions = (
        academy.parts,
        Hasher(workers=1),
        Directories(),
        Assertions(Path("xmlsec1")),
    )
    yield Entrance(
        databases=parts.databases,
        cache=parts.cache,
        pubsub=parts.pubsub,
        keyring=Keyring(secrets.token_hex(32)),
        hasher=hasher,
        throttle=Throttle(parts.cache),
        providers=Providers(),
        directories=directories,
        assertions=assertions,
        outside=Outside(Catalog(academy_settings), Dns(""), "harka.localhost"),
    )
    hasher.close()
    directories.close()
    assertions.close()


async def person_of(academy: Academy, hashed: str = _HASH) -> User:
    person = await academy.user()
    async with academy.work() as work:
        await passwords.set_hash(work.session, person.id, hashed)
    return person


async def hash_of(academy: Academy, person: User) -> str:
    async with academy.work(read_only=True) as work:
        known = await passwords.find_by_user(work.session, person.id)
    assert known is not None
    assert known.hash is not None
    return known.hash


async def test_a_hash_of_earlier_parameters_is_made_anew_at_the_next_sign_in(
    academy: Academy, door: Entrance
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    person = await person_of(academy, old)
    with pytest.raises(WrongPasswordError):
        await entrance.sign_in(door, academy.anonymous(), Shown(person.email, "wrong"), BROWSER)
    assert await hash_of(academy, person) == old
    await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)
    fresh = await hash_of(academy, person)
    assert fresh != old
    assert not is_outdated(fresh)
    await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)
    assert await hash_of(academy, person) == fresh


async def test_one_address_tries_many_accounts_only_so_often(academy: Academy, door: Entrance) -> None:
    for _ in range(OF_STRANGERS_THERE.most):
        assert await door.throttle.take(academy.organization.id, OF_STRANGERS_THERE, BROWSER.address) == 0.0
    person = await person_of(academy)
    with pytest.raises(RateLimitedError):
        await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)
    elsewhere = Device("browser", "198.51.100.1")
    await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), elsewhere)


async def test_who_leaves_in_the_middle_of_a_try_takes_nobody_elses(
    academy: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "OF_STRANGERS", Rate("sign-in", most=2, seconds=600.0))
    monkeypatch.setattr(entrance, "OF_STRANGERS_THERE", Rate("there", most=1, seconds=600.0))

    class Leaving(Throttle):
        """Whoever takes a try has left when it is taken."""

        async def take(self, tenant: UUID, rate: Rate, of: str) -> float:
            seconds = await super().take(tenant, rate, of)
            if not seconds:
                raise asyncio.CancelledError
            return seconds

    leaving = msgspec.structs.replace(door, throttle=Leaving(academy.parts.cache))
    shown = Shown("nobody@example.com", "wrong")
    for error in (asyncio.CancelledError, RateLimitedError, RateLimitedError):
        with pytest.raises(error):
            await entrance.sign_in(leaving, academy.anonymous(), shown, BROWSER)
    for number in range(2):
        with pytest.raises(WrongPasswordError):
            await entrance.sign_in(
                door, academy.anonymous(), shown, Device("browser", f"198.51.100.{number}")
            )


async def test_thousands_of_addresses_together_try_only_so_often(
    academy: Academy, rival: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "OF_STRANGERS", Rate("sign-in", most=2, seconds=600.0))

    def guess(at: Academy, number: int) -> Awaitable[object]:
        device = Device("browser", f"198.51.100.{number}")
        return entrance.sign_in(door, at.anonymous(), Shown(f"n{number}@example.com", "wrong"), device)

    for number in range(2):
        with pytest.raises(WrongPasswordError):
            await guess(academy, number)
    with pytest.raises(RateLimitedError):
        await guess(academy, 2)
    with pytest.raises(WrongPasswordError):
        await guess(rival, 3)


async def test_who_could_not_wait_for_a_thread_takes_no_try(
    academy: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "OF_STRANGERS", Rate("sign-in", most=3, seconds=600.0))
    # the thread is busy with the first for longer than the others take to come
    slow = PasswordHasher(time_cost=30, memory_cost=19_456, parallelism=1).hash(PASSWORD)
    person = await person_of(academy, slow)
    full = Hasher(workers=1, share=0)
    crowded = msgspec.structs.replace(door, hasher=full)
    shown = Shown(person.email, PASSWORD)
    at_once = [entrance.sign_in(crowded, academy.anonymous(), shown, BROWSER) for _ in range(3)]
    outcomes = await asyncio.gather(*at_once, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == [
        "Begun",
        "RateLimitedError",
        "RateLimitedError",
    ]
    for _ in range(3):
        with pytest.raises(WrongPasswordError):
            await entrance.sign_in(door, academy.anonymous(), Shown(person.email, "wrong"), BROWSER)
    full.close()


class Asked(Hasher):
    """What it is told of the passwords that strangers show."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.told: list[bool] = []

    async def verify_of_stranger(
        self, tenant: UUID, hashed: str | None, password: str, *, may_enter: bool
    ) -> bool:
        self.told.append(may_enter)
        return await self.verify(tenant, hashed, password)


async def test_what_is_not_told_is_not_told_by_a_rest(
    academy: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right password that does not let in looks to the next in line like a wrong one."""
    person, left = await person_of(academy), await academy.user(status="inactive")
    async with academy.work() as work:
        await passwords.set_hash(work.session, left.id, _HASH)
    hasher = Asked()
    watched = msgspec.structs.replace(door, hasher=hasher)

    async def come(email: str) -> None:
        with contextlib.suppress(WrongPasswordError, SsoRequiredError):
            await entrance.sign_in(watched, academy.anonymous(), Shown(email, PASSWORD), BROWSER)

    for email in (person.email, left.email, "nobody@example.com"):
        await come(email)

    async def of_enforced(_session: object, _user: object) -> Policy:
        return Policy(enforced=True, is_break_glass=True)

    monkeypatch.setattr(connections, "policy", of_enforced)
    await come(person.email)
    assert hasher.told == [True, False, False, False]
    hasher.close()


async def test_no_flood_keeps_out_who_came_in_on_this_device(
    academy: Academy, rival: Academy, door: Entrance
) -> None:
    person = await person_of(academy)
    theirs = Shown(person.email, PASSWORD)
    here = academy.anonymous()
    there = "192.0.2.9"
    flood = (
        (OF_STRANGERS, ""),
        (OF_ALL, ""),
        (OF_STRANGERS_THERE, there),
        *entrance.of_account(str(person.id), there),
    )
    for rate, of in flood:
        while not await door.throttle.take(here.id, rate, of):
            pass

    async def come(token: str, at: str = BROWSER.address) -> None:
        await entrance.sign_in(door, here, theirs, Device("browser", at, token=token))

    # a stranger; somebody else's device; one of another organization; one that nobody made
    others = await person_of(academy)
    token = entrance.device_tokens(door, here, person.email.upper(), "")
    for wrong in (
        "",
        entrance.device_tokens(door, here, others.email, ""),
        entrance.device_tokens(door, rival.anonymous(), person.email, ""),
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "hd_ä\0",
    ):
        with pytest.raises(RateLimitedError):
            await come(wrong)
    # from anywhere, also from where they guess
    await come(token)
    await come(token, there)


async def test_on_a_device_of_ones_own_there_are_so_many_tries(academy: Academy, door: Entrance) -> None:
    person, here = await person_of(academy), academy.anonymous()
    token, other = (entrance.device_tokens(door, here, person.email, "") for _ in range(2))

    async def come(password: str, token: str) -> None:
        device = Device("browser", f"198.51.100.{secrets.randbelow(250)}", token=token)
        await entrance.sign_in(door, here, Shown(person.email, password), device)

    for _ in range(entrance.OF_ACCOUNT.most):
        with pytest.raises(WrongPasswordError):
            await come("wrong", token)
    with pytest.raises(RateLimitedError):
        await come(PASSWORD, token)
    await come(PASSWORD, other)


async def test_however_many_devices_somebody_has_their_tries_are_bounded(
    academy: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "OF_ACCOUNT_ON_DEVICES", Rate("account-on-devices", most=3, seconds=600.0))
    person, here = await person_of(academy), academy.anonymous()
    for error in (*[WrongPasswordError] * 3, RateLimitedError):
        device = Device("browser", token=entrance.device_tokens(door, here, person.email, ""))
        with pytest.raises(error):
            await entrance.sign_in(door, here, Shown(person.email, "wrong"), device)


async def test_a_device_knows_the_last_who_came_in_on_it(academy: Academy, door: Entrance) -> None:
    here, shown = academy.anonymous(), ""
    for name in ("a", "b", "c", "d", "e", "c"):
        before, shown = shown, entrance.device_tokens(door, here, f"{name}@example.com", shown)
    # whose token there is gets no other
    assert sorted(shown.split(".")) == sorted(before.split("."))
    assert len(set(shown.split("."))) == 4
    assert shown.split(".")[0] == before.split(".")[2]
    # what is none is not handed on
    assert entrance.device_tokens(door, here, "f@example.com", "x; Path=/.hd_A").count(".") == 0


async def test_what_could_not_be_tried_is_given_back(
    academy: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "OF_STRANGERS", Rate("sign-in", most=1, seconds=600.0))
    person = await person_of(academy)

    async def away(*_: object) -> None:
        raise UnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(passwords, "find_by_email", away)
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)
    await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)


async def test_a_hash_that_cannot_be_made_anew_now_keeps_nobody_out(academy: Academy, door: Entrance) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    person = await person_of(academy, old)

    class Filled(Hasher):
        """Its line is full once a password was verified."""

        async def hash(self, tenant: UUID, password: str) -> str:
            raise RateLimitedError(retry_after=1.0)

    hasher = Filled(workers=1)
    crowded = msgspec.structs.replace(door, hasher=hasher)
    await entrance.sign_in(crowded, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)
    assert await hash_of(academy, person) == old
    hasher.close()


async def test_who_guesses_at_one_account_takes_nobody_elses_tries(
    academy: Academy, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "OF_STRANGERS", Rate("sign-in", most=3, seconds=600.0))
    monkeypatch.setattr(entrance, "OF_ACCOUNT", Rate("account", most=1, seconds=600.0))
    for error in (WrongPasswordError, RateLimitedError, RateLimitedError, RateLimitedError):
        with pytest.raises(error):
            await entrance.sign_in(door, academy.anonymous(), Shown("n1@example.com", "wrong"), BROWSER)
    with pytest.raises(WrongPasswordError):
        await entrance.sign_in(door, academy.anonymous(), Shown("n2@example.com", "wrong"), BROWSER)


async def test_an_account_is_one_however_its_address_is_spelt(academy: Academy, door: Entrance) -> None:
    person = await person_of(academy)
    spelt = [person.email, person.email.upper(), person.email.replace("c", "C"), person.email.title()] * 3
    for email in spelt[:10]:
        with pytest.raises(WrongPasswordError):
            await entrance.sign_in(door, academy.anonymous(), Shown(email, "wrong"), BROWSER)
    with pytest.raises(RateLimitedError):
        await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)


async def test_a_household_is_one_address(academy: Academy, door: Entrance) -> None:
    for _ in range(OF_STRANGERS_THERE.most):
        assert (
            await door.throttle.take(academy.organization.id, OF_STRANGERS_THERE, "2001:db8:0:7::/64") == 0.0
        )
    person = await person_of(academy)
    shown = Shown(person.email, PASSWORD)
    with pytest.raises(RateLimitedError):
        await entrance.sign_in(door, academy.anonymous(), shown, Device("browser", "2001:db8:0:7::1234"))
    await entrance.sign_in(door, academy.anonymous(), shown, Device("browser", "2001:db8:0:8::1234"))


async def test_right_passwords_use_up_nothing(academy: Academy, door: Entrance) -> None:
    person = await person_of(academy)
    for _ in range(12):
        await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), BROWSER)


async def test_a_refresh_token_is_spent_once_however_many_show_it_at_once(
    academy: Academy, door: Entrance
) -> None:
    person = await person_of(academy)
    begun = await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), APP)
    answers = await asyncio.gather(
        *(entrance.refresh(door, academy.anonymous(), begun.token) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, entrance.Refreshed) for each in answers) == 1
    assert all(isinstance(each, entrance.Refreshed | UnauthenticatedError) for each in answers)
    async with academy.work(read_only=True) as work:
        assert await sessions.live(work.session, [begun.session.id]) == set()


async def test_a_refresh_token_is_of_its_organization(
    academy: Academy, rival: Academy, door: Entrance
) -> None:
    person = await person_of(academy)
    begun = await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), APP)
    with pytest.raises(TenantMismatchError):
        await entrance.refresh(door, rival.anonymous(), begun.token)
    assert (await entrance.refresh(door, academy.anonymous(), begun.token)).held.id == begun.session.id


async def test_nothing_secret_is_in_what_a_log_would_show(academy: Academy, door: Entrance) -> None:
    person = await person_of(academy)
    begun = await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), APP)
    assert begun.token not in repr(begun)
    assert PASSWORD not in repr(Shown(person.email, PASSWORD))
    assert begun.token not in repr(await entrance.refresh(door, academy.anonymous(), begun.token))


async def test_sessions_that_are_long_over_are_forgotten(academy: Academy, door: Entrance) -> None:
    person = await person_of(academy)
    begun = await entrance.sign_in(door, academy.anonymous(), Shown(person.email, PASSWORD), APP)
    async with academy.work() as work:
        assert await session.forget_old(work) == 0
        assert await sessions.delete_old(work.session, older_than=-40 * 86_400.0) == 1
        assert await sessions.live(work.session, [begun.session.id]) == set()
