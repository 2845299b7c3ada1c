"""How a person comes in: by a password, and a code where they have a second factor.

Nothing that a stranger can see or measure tells whether an address is anybody's: tries are counted,
statements sent and a password hashed alike. No transaction is open while a password is hashed, but for one
that was under way before.
"""

import contextlib
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from harka import clock, logs
from harka.auth import totp as codes
from harka.auth.hashing import Hasher
from harka.auth.ldap import Directories
from harka.auth.oidc import Providers
from harka.auth.password import is_outdated
from harka.auth.saml import Assertions
from harka.auth.session_token import is_device_of, new_device_token, open_refresh_token, refresh_token
from harka.cache.tenant import TenantCache
from harka.cache.throttle import Rate, Throttle
from harka.crypto.keyring import Keyring
from harka.errors import (
    DeadlineExceededError,
    HarkaError,
    RateLimitedError,
    SecondFactorError,
    SsoRequiredError,
    TenantMismatchError,
    UnauthenticatedError,
    UnavailableError,
    ValidationError,
    WrongPasswordError,
)
from harka.learning import session, sso, totp, user
from harka.learning.outside import Outside
from harka.learning.session import APP_IDLE, Begun, Device
from harka.learning.text import LONGEST_EMAIL, stored_form
from harka.learning.work import UnitOfWork, unit_of_work
from harka.pubsub import PubSub
from harka.repositories import password as passwords
from harka.repositories import session as sessions
from harka.repositories import sso as connections
from harka.repositories.password import Known
from harka.repositories.session import Held
from harka.repositories.sso import Policy
from harka.repositories.user import UserStatus
from harka.storage.databases import Databases
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import features_for

OF_ACCOUNT: Final = Rate("account", most=10, seconds=60.0)
OF_ACCOUNT_ANYWHERE: Final = Rate("account-anywhere", most=100, seconds=20.0)
OF_ADDRESS: Final = Rate("address", most=50, seconds=2.0)
OF_ALL: Final = Rate("sign-in", most=1000, seconds=0.1)
"""Tries that may fail: at once, and how long one takes to come back. What succeeds is given back.

Of an account from one network, and from all: who guesses elsewhere does not keep its owner out.
"""
OF_STRANGERS: Final = Rate("sign-in-of-strangers", most=24, seconds=2.0)
OF_STRANGERS_THERE: Final = Rate("strangers-of-network", most=20, seconds=4.0)
"""By passwords, on devices where nobody came in with that address before: of an organization, of a network.

Each takes a hash, and as many as one organization's flood may have its neighbours feel.
"""
OF_DEVICES: Final = Rate("sign-in-on-devices", most=1000, seconds=0.1)
OF_ACCOUNT_ON_DEVICES: Final = Rate("account-on-devices", most=100, seconds=20.0)
"""On devices of their own: nobody else's tries are counted here, wherever they guess."""
OF_LINK: Final = Rate("link", most=10, seconds=60.0)
"""With one link of a reset or an invitation: each may take a hash."""
_LONGEST_CODE: Final = 64
_NOWHERE: Final = "unknown"
_OF_A_HOUSEHOLD: Final = 64
_TOKEN: Final = re.compile(r"hd_[\w-]{75}", re.ASCII)
_BETWEEN: Final = "."
_ON_A_DEVICE: Final = 4
"""People who are known on a device: a family, a desk in an office."""
_LONGEST_TOKENS: Final = 400

log = logs.logger("entrance")


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to let people in; of a process."""

    databases: Databases
    cache: TenantCache
    pubsub: PubSub
    keyring: Keyring
    hasher: Hasher
    throttle: Throttle
    providers: Providers
    directories: Directories
    assertions: Assertions
    outside: Outside


class Shown(msgspec.Struct, frozen=True):
    """`code`: of the second factor, or a recovery code; None before it was asked for."""

    email: str
    password: str
    code: str | None = None

    def __repr__(self) -> str:
        return "Shown(…)"


class Refreshed(msgspec.Struct, frozen=True):
    """`token`: the next refresh token; the one that was shown is spent."""

    held: Held
    token: str

    def __repr__(self) -> str:
        return f"Refreshed({self.held.id})"


Also = Callable[[UnitOfWork, Begun], Awaitable[None]]
"""What happens together with the beginning of a session, or neither."""


async def sign_in(
    entrance: Entrance, context: TenantContext, shown: Shown, device: Device, *, linking: Also | None = None
) -> Begun:
    """Begin a session of whoever shows a right password. `context`: of nobody, in their organization.

    Where a connection is enforced, whatever is wrong is `SsoRequiredError`, and so is a password of anybody
    but an owner with a second factor. `linking`: they have come by a connection, too, and are linked to it.

    Raise `WrongPasswordError`, the same for an address that is nobody's; `SecondFactorError` when the
    password is right and a code is missing; `RateLimitedError` after too many tries, for a right password
    too.
    """
    tried = await _tried(entrance, context, shown, device)
    known, policy = tried.known, tried.policy
    # a plan that lost the feature locks nobody out
    forbidden = policy.enforced and features_for(context.organization).sso and linking is None
    if forbidden and not policy.is_break_glass:
        # also for a right one: it says nothing about the password
        raise SsoRequiredError
    if known is None or not tried.matches or known.status != UserStatus.ACTIVE:
        raise SsoRequiredError if forbidden else WrongPasswordError
    if known.sealed_secret is not None and not shown.code:
        await give_back(entrance, context, tried.taken)
        raise SecondFactorError
    also = linking or (_came_past if forbidden else None)
    try:
        begun = await _begin(entrance, context, known, shown, device, also)
    except (UnavailableError, DeadlineExceededError):
        # the password was right, and the server not in time
        await give_back(entrance, context, tried.taken)
        raise
    await give_back(entrance, context, tried.taken)
    return begun


class _Tried(msgspec.Struct, frozen=True):
    """`known`: whose address it is, `matches`: with this password. `taken`: what a try of it took."""

    known: Known | None
    policy: Policy
    matches: bool
    taken: list[tuple[Rate, str]]


async def _tried(entrance: Entrance, context: TenantContext, shown: Shown, device: Device) -> _Tried:
    """Count the try, and hash. Raise `RateLimitedError` after too many, and while the line is full.

    What could not be tried for want of a server is given back; not to who leaves meanwhile.
    """
    email = stored_form(shown.email[: LONGEST_EMAIL + 1]) or ""
    place = network_of(device.address)
    device_token = _own(entrance, context, email, device.token)
    of_all = (OF_DEVICES if device_token else OF_STRANGERS), ""
    # before anything is read: most of a flood costs no more than this
    entrance.hasher.require_room(context.id, for_stranger=not device_token)
    taken: list[tuple[Rate, str]] = []
    try:
        if not device_token:
            # first: who leaves in the middle of a try, or has none left, takes nobody else's
            await take(entrance, context, OF_STRANGERS_THERE, place)
            taken.append((OF_STRANGERS_THERE, place))
        await take(entrance, context, *of_all)
        taken.append(of_all)
        async with working(entrance, context, read_only=True) as work:
            known = await passwords.find_by_email(work.session, email)
            policy = await connections.policy(work.session, None if known is None else known.user_id)
        # of somebody by who they are: an address is spelt in more ways than we would think of
        account = email.lower() if known is None else str(known.user_id)
        for each in of_device(account, device_token) if device_token else of_account(account, place):
            await take(entrance, context, *each)
            taken.append(each)
    except RateLimitedError:
        # who guesses at one account takes nobody else's tries, and whom others keep out none of their own
        await give_back(entrance, context, [of_all] if of_all in taken else taken)
        raise
    except HarkaError:
        await give_back(entrance, context, taken)
        raise
    hashed = None if known is None else known.hash
    try:
        if device_token:
            matches = await entrance.hasher.verify(context.id, hashed, shown.password)
        else:
            may_enter = known is not None and known.status == UserStatus.ACTIVE and not policy.enforced
            matches = await entrance.hasher.verify_of_stranger(
                context.id, hashed, shown.password, may_enter=may_enter
            )
    except HarkaError:
        await give_back(entrance, context, taken)
        raise
    return _Tried(known, policy, matches and hashed is not None, taken)


def _own(entrance: Entrance, context: TenantContext, email: str, shown: str) -> str:
    """Which of the tokens that a device shows is of this address; empty for none."""
    key = entrance.keyring.session
    tokens = shown[:_LONGEST_TOKENS].split(_BETWEEN)
    return next((each for each in tokens if is_device_of(key, context.id, email, each.encode())), "")


async def refresh(entrance: Entrance, context: TenantContext, token: str) -> Refreshed:
    """Spend an app's refresh token for the next. Raise `UnauthenticatedError` whatever is wrong with it.

    `TenantMismatchError` for a genuine one of another organization.
    Who shows a spent one has stolen it, or was stolen from: that session ends for both.
    """
    opened = open_refresh_token(entrance.keyring.session, token.encode("utf-8", "replace"))
    if opened is None:
        raise UnauthenticatedError
    if opened.tenant != context.id:
        raise TenantMismatchError
    async with working(entrance, context, read_only=False) as work:
        held = await sessions.hold(work.session, opened.session)
        if held is not None and held.status == UserStatus.ACTIVE and opened.number == held.refreshes:
            await sessions.refreshed(work.session, held.id, idle=APP_IDLE.total_seconds())
            following = refresh_token(entrance.keyring.session, context.id, held.id, held.refreshes + 1)
            return Refreshed(held, following)
        if held is not None and opened.number < held.refreshes:
            log.warning(
                "refresh token used again: session ended", tenant=str(context.id), session=str(held.id)
            )
            await sessions.revoke(work.session, held.id, None)
    raise UnauthenticatedError


async def require_password(
    entrance: Entrance, context: TenantContext, password: str, field: str, under_way: UnitOfWork | None = None
) -> None:
    """The actor's own, before what only they may do. Raise `ValidationError` naming `field` for a wrong one.

    For a program, too; `RateLimitedError` after too many tries. `under_way`: the caller's own work. Where it
    holds a connection already, as under an idempotency key, a second one would be waited for by all alike.
    """
    person = user.myself(context)
    await take(entrance, context, OF_ACCOUNT, str(person.id))
    if under_way is not None and under_way.session.holds_connection:
        known = await passwords.find_by_user(under_way.session, person.id)
    else:
        async with working(entrance, context, read_only=True) as work:
            known = await passwords.find_by_user(work.session, person.id)
    if not await entrance.hasher.verify(context.id, None if known is None else known.hash, password):
        raise ValidationError("This is not the password.", field=field)
    await entrance.throttle.give_back(context.id, OF_ACCOUNT, str(person.id))


async def sign_out(entrance: Entrance, context: TenantContext) -> None:
    """End the session of a context, if it has one."""
    if context.session is not None:
        async with working(entrance, context, read_only=False) as work:
            await sessions.revoke(work.session, context.session, None)


async def _begin(
    entrance: Entrance, context: TenantContext, known: Known, shown: Shown, device: Device, also: Also | None
) -> Begun:
    """The password is right. What was spent of a second factor, the session and `also`: all or nothing."""
    fresh = None
    if known.hash is not None and is_outdated(known.hash):
        # at another time, when there is no room now
        with contextlib.suppress(RateLimitedError):
            fresh = await entrance.hasher.hash(context.id, shown.password)
    async with working(entrance, context, read_only=False) as work:
        if known.sealed_secret is not None:
            await _require_code(work, entrance.keyring, known, (shown.code or "")[:_LONGEST_CODE])
        if fresh is not None and known.hash is not None:
            await passwords.rehash(work.session, known.user_id, known.hash, fresh)
        begun = await session.begin(work, entrance.keyring.session, known.user_id, device)
        if also is not None:
            await also(work, begun)
        return begun


async def _came_past(work: UnitOfWork, begun: Begun) -> None:
    await sso.came_past(work, begun.session.user_id)


async def _require_code(work: UnitOfWork, keyring: Keyring, known: Known, code: str) -> None:
    secret = totp.opened(work, keyring, known.user_id, known.sealed_secret or b"")
    step = codes.step_of(secret, code, clock.now(), after=known.last_step or 0)
    if step is not None and await totp.advance(work, known.user_id, step):
        return
    if not await totp.spend_recovery_code(work, known.user_id, code):
        raise WrongPasswordError


async def take(entrance: Entrance, context: TenantContext, rate: Rate, of: str) -> None:
    """Count a try. Raise `RateLimitedError` after too many."""
    wait = await entrance.throttle.take(context.id, rate, of)
    if wait > 0.0:
        raise RateLimitedError("Too many tries: wait, and try again.", retry_after=wait)


def of_account(account: str, place: str) -> tuple[tuple[Rate, str], ...]:
    """What a try of an account takes. `place`: see `network_of`."""
    return (OF_ACCOUNT, f"{account}@{place}"), (OF_ACCOUNT_ANYWHERE, account)


def of_device(account: str, token: str) -> tuple[tuple[Rate, str], ...]:
    """What a try of an account takes on a device that is its own."""
    return (OF_ACCOUNT, f"{account}@{token}"), (OF_ACCOUNT_ON_DEVICES, account)


def device_tokens(entrance: Entrance, context: TenantContext, email: str, shown: str) -> str:
    """What the device on which who has this address came in shows from now on: theirs, and others' it had.

    `shown`: what it has shown. A token that fits is kept, and no other made.
    """
    address = stored_form(email) or ""
    own = _own(entrance, context, address, shown)
    others = [
        each for each in shown[:_LONGEST_TOKENS].split(_BETWEEN) if _TOKEN.fullmatch(each) and each != own
    ]
    own = own or new_device_token(entrance.keyring.session, context.id, address)
    return _BETWEEN.join([own, *others[: _ON_A_DEVICE - 1]])


def network_of(address: str) -> str:
    """Of IPv6 the network that a household has: it has as many addresses as it likes."""
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return _NOWHERE
    if client.version == 4:  # noqa: PLR2004 - the name of the protocol
        return address
    return str(ipaddress.ip_network((client, _OF_A_HOUSEHOLD), strict=False))


@asynccontextmanager
async def trying(
    entrance: Entrance,
    context: TenantContext,
    *tries: tuple[Rate, str],
) -> AsyncIterator[None]:
    """Tries that are lost when the block fails, but for want of a server. Raise `RateLimitedError`."""
    for rate, of in tries:
        await take(entrance, context, rate, of)
    try:
        yield
    except (UnavailableError, DeadlineExceededError):
        # nobody has said that anything was wrong
        await give_back(entrance, context, tries)
        raise
    await give_back(entrance, context, tries)


async def give_back(entrance: Entrance, context: TenantContext, taken: Iterable[tuple[Rate, str]]) -> None:
    """Tries that did not fail."""
    for rate, of in taken:
        await entrance.throttle.give_back(context.id, rate, of)


@asynccontextmanager
async def working(
    entrance: Entrance, context: TenantContext, *, read_only: bool
) -> AsyncIterator[UnitOfWork]:
    """A unit of work of who comes in; committed at its end."""
    async with unit_of_work(
        entrance.databases,
        entrance.cache,
        entrance.pubsub,
        context,
        read_only=read_only,
        outside=entrance.outside,
    ) as work:
        yield work
