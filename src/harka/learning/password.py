"""Passwords: set when people come in, changed by themselves, set anew by a token.

An admin hands it on, or it comes by e-mail to who asks for it (`password_request`).
"""

import hashlib
import os
import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock, logs
from harka.auth.breach import Breaches
from harka.auth.hashing import Hasher
from harka.auth.password import accept_password
from harka.errors import NotFoundError, ValidationError
from harka.learning import user
from harka.learning.work import UnitOfWork
from harka.repositories import password as passwords
from harka.repositories import session as sessions
from harka.repositories.event import EventType
from harka.repositories.user import User
from harka.tenancy.context import TenantContext

RESET_LIFETIME: Final = timedelta(hours=24)
_ENTROPY_BYTES: Final = 32
_TOKEN: Final = re.compile(r"hp_[A-Za-z0-9_-]{43}")


log = logs.logger("password")


class Reset(msgspec.Struct, frozen=True):
    """`token`: the only copy there will ever be."""

    user: User
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Reset({self.user.id})"


class Chosen(msgspec.Struct, frozen=True):
    """`accepted`: as it was typed, to be compared with what is known of its person once that is known."""

    hash: str
    accepted: str

    def __repr__(self) -> str:
        return "Chosen()"


async def choose(
    hasher: Hasher,
    breaches: Breaches,
    context: TenantContext,
    password: str,
    *about: str,
    field: str = "password",
) -> Chosen:
    """To be kept, once it is accepted; best before a transaction is open, since it takes its time.

    `about`: what anybody knows of the person. Raise `ValidationError` naming `field`, `RateLimitedError`.
    """
    accepted = _accepted(context, password, *about, field=field)
    if await breaches.has(accepted):
        raise ValidationError("This password was made public elsewhere: take another.", field=field)
    return Chosen(await hasher.hash(context.id, accepted), accepted)


async def keep(work: UnitOfWork, person: UUID, chosen: Chosen, *about: str) -> None:
    """`about`: the person's address and name, who was unknown when they chose. Raise `ValidationError`."""
    _accepted(work.context, chosen.accepted, *about)
    await passwords.set_hash(work.session, person, chosen.hash)


def _accepted(context: TenantContext, password: str, *about: str, field: str = "password") -> str:
    organization = context.organization
    return accept_password(password, (organization.name, organization.slug, *about), field)


async def change(work: UnitOfWork, chosen: Chosen) -> User:
    """The actor's own, whose old one was asked for. They stay signed in here, and nowhere else."""
    person = user.myself(work.context)
    await keep(work, person.id, chosen, person.email, person.name)
    await sessions.revoke_others(work.session, person.id, work.context.session)
    return person


async def allow_reset(work: UnitOfWork, user_id: UUID) -> Reset:
    """A token with which a person sets a password, once, within a day; to be handed on to them.

    Raise `NotFoundError`, and `ForbiddenError` for who may do more than the actor.
    """
    return await make_reset(work, await user.hold(work, user_id, field="userId"), RESET_LIFETIME)


async def make_reset(work: UnitOfWork, person: User, lifetime: timedelta) -> Reset:
    """For who may have one. An earlier token of theirs is good for nothing any more."""
    token = f"hp_{urlsafe_b64encode(os.urandom(_ENTROPY_BYTES)).rstrip(b'=').decode('ascii')}"
    expires_at = clock.now() + lifetime
    await passwords.allow_reset(work.session, person.id, _digest(token), expires_at)
    return Reset(person, token, expires_at)


async def reset(work: UnitOfWork, token: str, chosen: Chosen) -> str:
    """For anybody, without a permission: the token is the secret. Signs its person out everywhere.

    Answers their address. Raise `NotFoundError` for a token that is nobody's, or not any more;
    `ValidationError` for a password that is made of who they are, and then the token is good still.
    """
    require_token(token)
    spent = await passwords.spend_reset(work.session, _digest(token))
    if spent is None:
        raise no_token()
    person, email, name = spent
    await keep(work, person, chosen, email, name)
    await sessions.revoke_others(work.session, person, None)
    work.record(EventType.USER_PASSWORD_RESET, person)
    log.info("password set by a link", tenant=str(work.context.id), user=str(person))
    return email


async def require_reset(work: UnitOfWork, token: str) -> None:
    """Raise `NotFoundError` for a token that is nobody's: no password is hashed for who made it up."""
    require_token(token)
    if not await passwords.knows_reset(work.session, _digest(token)):
        raise no_token()


def require_token(token: str) -> None:
    """Raise `NotFoundError` for what no token looks like."""
    if not _TOKEN.fullmatch(token):
        raise no_token()


def no_token() -> NotFoundError:
    return NotFoundError("This link is good for nothing any more: ask for another.", field="token")


def _digest(token: str) -> bytes:
    """Fast is right here: the token is 256 random bits, there is nothing to guess."""
    return hashlib.sha256(token.encode("ascii")).digest()
