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
    named: Sequence[str],
    *,
    known: User | None = None,
) -> str:
    """Make somebody what the provider says, if that counts at every sign-in. `known`: as they were just read.

    Answers what to tell admins. Nobody is asked for a permission: who made the connection had it. Owners are
    never touched, so neither is the last one, nor who must be able to come in (`break_glass`).
    """
    if connection.roles_at_sign_in != SsoRolesAtSignIn.EVERY:
        return ""
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


def deciding(connection: SsoConnection, named: Sequence[str]) -> list[str]:
    """Of all that a provider names the one that decides: a cookie does not hold a hundred groups."""
    role = role_of(connection, named)
    return next(([name] for name in named if role_of(connection, [name]) == role), [])


def _follows(held: User, role: str) -> bool:
    return held.role in FOLLOWING and held.role != role
