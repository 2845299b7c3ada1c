"""Owners who come in when the provider does not: theirs are the passwords that are not forbidden."""

from typing import Final

from harka import logs
from harka.errors import ConflictError
from harka.learning.work import UnitOfWork
from harka.repositories import sso as connections
from harka.tenancy.context import ActorKind

LEAST: Final = 2
"""So that one may be ill."""

log = logs.logger("sso")


async def require(work: UnitOfWork) -> None:
    """Hold the owners who could come in as they are. Raise `ConflictError` for too few."""
    if await connections.count_break_glass_locked(work.session) < LEAST:
        raise ConflictError(
            "Two owners with a password and a second factor are needed, who can come in when the provider is "
            "down.",
            field="id",
        )


async def require_kept(work: UnitOfWork) -> None:
    """After one may have become fewer: raise `ConflictError` for too few, where passwords are forbidden.

    An operator of the platform may: that is how somebody who has lost everything is helped.
    """
    if not await connections.lock_enforced(work.session):
        return
    if await connections.count_break_glass(work.session) >= LEAST:
        return
    if work.context.actor.kind is ActorKind.OPERATOR:
        log.warning(
            "fewer than two owners can come in past the enforced sign-in", tenant=str(work.context.id)
        )
        return
    raise ConflictError(
        "Sign-in by a provider is enforced, and two owners with a password and a second factor are kept for "
        "when it is down: disable it, or prepare another owner first."
    )
