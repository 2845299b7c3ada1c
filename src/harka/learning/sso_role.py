"""Roles that follow what a provider says, where a connection has them do so whenever somebody comes in."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from harka import logs
from harka.learning import user
from harka.learning.sso_draft import SsoRole, role_of
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.scope import Scope
from harka.repositories.sso import SsoConnection, SsoRolesAtSignIn
from harka.repositories.user import User

FOLLOWING: Final = frozenset(map(str, SsoRole))
"""Who is more than that, or has a role of the organization's own, was made so here and stays so."""

log = logs.logger("sso")


async def follow(
    work: UnitOfWork,
    connection: SsoConnection,
    person: UUID,
    named: Sequence[str] | None,
    untold: str,
    *,
    known: User | None = None,
) -> str:
    """Make somebody what the provider says, if that counts at every sign-in. `known`: as they were just read.

    `named`: None where it did not tell, because of `untold`: then they stay what they are, as nobody may lose
    their role to a provider that is half away. Answers what to tell admins.

    Nobody is asked for a permission: who made the connection had it. Owners are never touched, so neither is
    the last one, nor who must be able to come in (`break_glass`).
    """
    if connection.roles_at_sign_in != SsoRolesAtSignIn.EVERY:
        return ""
    if named is None:
        return f"Their role stays: {untold}"
    role = role_of(connection, named)
    if known is not None and not _follows(known, role):
        return ""
    held = await users.lock(work.session, Scope(everything=True), person)
    if held is None or not _follows(held, role):
        return ""
    changed = msgspec.structs.replace(held, role=role)
    user.record_changes(work, held, changed)
    await user.write(work, changed)
    log.info(
        "a provider changed somebody's role",
        tenant=str(work.context.id),
        connection=str(connection.id),
        user=str(person),
        before=held.role,
        after=role,
    )
    return f"Their role was {held.role}, and is {role}."


def deciding(connection: SsoConnection, named: Sequence[str] | None) -> list[str] | None:
    """Of all that a provider names the one that decides: a cookie does not hold a hundred groups.

    It is one of those that the connection knows, so it is no longer than these may be.
    """
    if named is None:
        return None
    role = role_of(connection, named)
    if role_of(connection, []) == role:
        return []
    return next(([name] for name in named if role_of(connection, [name]) == role), [])


def _follows(held: User, role: str) -> bool:
    return held.role in FOLLOWING and held.role != role
