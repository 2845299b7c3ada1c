"""A person asks for a link by which they set a password: nobody is told whether there is such a person.

To ask is the same few steps for every address: tries are counted by what was typed, and a job is put in.
Only the job looks for the person, so neither the answer nor the time it takes depends on them.
"""

from datetime import timedelta
from typing import Final

import msgspec

from harka import logs
from harka.cache.throttle import Rate
from harka.learning import mail, password
from harka.learning.entrance import Entrance, network_of, take, working
from harka.learning.mail import Kind
from harka.learning.text import accept_email
from harka.learning.work import UnitOfWork
from harka.queue.message import RESET_PASSWORD
from harka.repositories import password as passwords
from harka.repositories import sso as connections
from harka.repositories import user as users
from harka.repositories.user import UserStatus
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import features_for

LIFETIME: Final = timedelta(minutes=30)
OF_ACCOUNT: Final = Rate("reset-account", most=3, seconds=600.0)
OF_PERSON: Final = Rate("reset-person", most=3, seconds=600.0)
"""Of one however their address is spelt: more e-mails are not sent, which nobody is told."""
OF_ADDRESS: Final = Rate("reset-address", most=20, seconds=30.0)
OF_ALL: Final = Rate("reset", most=200, seconds=1.0)
"""Strangers put in no more jobs than that."""

log = logs.logger("password")


class ResetAsked(msgspec.Struct, frozen=True):
    """The payload of a job: whoever has this address shall have a link."""

    email: str

    def __repr__(self) -> str:
        return "ResetAsked(…)"


async def ask(entrance: Entrance, context: TenantContext, email: str, address: str) -> None:
    """For anybody. `address`: the client's.

    Raise `ValidationError` for what is no address of anybody, `RateLimitedError`.
    """
    accepted = accept_email(email, "email")
    await take(entrance, context, OF_ADDRESS, network_of(address))
    await take(entrance, context, OF_ACCOUNT, accepted.lower())
    await take(entrance, context, OF_ALL, "")
    async with working(entrance, context, read_only=False) as work:
        asked = msgspec.to_builtins(ResetAsked(accepted))
        await work.enqueue(RESET_PASSWORD, asked, seal_key=entrance.keyring.seal)


async def answer(entrance: Entrance, work: UnitOfWork, asked: ResetAsked) -> None:
    """Send a link to who is here, and may set a password by it. For jobs."""
    known = await passwords.find_by_email(work.session, asked.email)
    if known is None or known.status != UserStatus.ACTIVE:
        return
    if not await _may_have_one(work, known):
        log.info("password reset not sent", tenant=str(work.context.id), user=str(known.user_id))
        return
    if await entrance.throttle.take(work.context.id, OF_PERSON, str(known.user_id)) > 0.0:
        return
    (person,) = await users.find_by_ids(work.session, [known.user_id])
    made = await password.make_reset(work, person, LIFETIME)
    key = entrance.keyring.seal
    await mail.post_link(work, Kind.RESET, person.id, made.token, made.expires_at, seal_key=key)
    log.info("password reset sent", tenant=str(work.context.id), user=str(person.id))


async def _may_have_one(work: UnitOfWork, known: passwords.Known) -> bool:
    """Not where passwords are forbidden to them, and no first one for who comes in by a provider.

    Whoever is let in no more there would have kept a way in.
    """
    policy = await connections.policy(work.session, known.user_id)
    if policy.enforced and features_for(work.context.organization).sso and not policy.is_break_glass:
        return False
    return known.hash is not None or not await connections.is_linked(work.session, known.user_id)
