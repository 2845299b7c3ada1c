"""Who may say whom a connection lets in, and as what: nobody gets by a provider what they could not give."""

import hashlib
from typing import Any

import msgspec

from harka.auth.permissions import may_grant, permissions_of
from harka.errors import ForbiddenError
from harka.learning import role as roles
from harka.learning import scim_user
from harka.learning.sso_directory import NO_DIRECTORY
from harka.learning.sso_draft import SsoRole, mappings
from harka.learning.work import UnitOfWork
from harka.repositories import scim_user as scim_users
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection, SsoRolesAtSignIn


def require_roles(work: UnitOfWork, before: SsoConnection | None, after: SsoConnection) -> None:
    """Raise `ForbiddenError` where somebody may become what may do more than the actor, who has it so.

    Roles that stood there before count where another provider names them from now on. `before`: None for one
    that is new.
    """
    if before is not None and (_naming(before), believed(before)) == (_naming(after), believed(after)):
        return
    if not all(may_grant(work.context, permissions_of(role)) for role in roles_of(after)):
        raise ForbiddenError("Nobody can have a provider give a role that may do more than they may.")


async def require_people(work: UnitOfWork, before: SsoConnection | None, after: SsoConnection) -> None:
    """Raise `ForbiddenError` where another's word would let somebody in who may do more than the actor.

    Whoever says whose word counts can come in as each who is linked, past their password and second factor,
    and as each whom a directory (SCIM) calls something: who is called so by the provider comes in as them.
    The caller holds the connection, so nobody is linked meanwhile. `before`: None for one that is new.
    """
    if before is not None and believed(before) == believed(after):
        return
    # a directory's word lets nobody in as more than it may make of anybody
    called = await scim_users.roles_of_called(work.session) & set(map(str, scim_user.ROLES))
    held = [*await connections.roles_of_linked(work.session, after.id), *((role, None) for role in called)]
    own = await roles.permissions_of_many(work, [role_id for _, role_id in held if role_id is not None])
    for role, role_id in held:
        allowed = permissions_of(role) if role_id is None else own[role_id]
        if not may_grant(work.context, allowed):
            raise ForbiddenError("Nobody can say who lets people in who may do more than they may.")


def roles_of(connection: SsoConnection) -> set[str]:
    """What somebody may become by it, and what they may lose by it."""
    named = {str(each.role) for each in mappings(connection)}
    if connection.roles_at_sign_in == SsoRolesAtSignIn.EVERY or (connection.role_claim and not named):
        return set(map(str, SsoRole))
    return named | {connection.default_role}


def believed(connection: SsoConnection) -> tuple[Any, ...]:
    """Whose word counts; not by which key or secret of ours it is asked for."""
    return tuple(
        getattr(connection, name)
        for name in ("issuer", "client_id", *NO_DIRECTORY, "sso_url", "metadata_url", "idp_certificates")
    )


def said_by(connection: SsoConnection) -> int:
    """Another number as soon as another word counts, or means something else: a sign-in goes on by the same.

    Neither a new name nor a key of ours that rolls over refuses who is at the provider's page just then.
    """
    told = believed(connection), _naming(connection), connection.email_attribute, connection.name_attribute
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(told)).digest()[:6])


def _naming(connection: SsoConnection) -> tuple[Any, ...]:
    """What names roles."""
    return (
        connection.role_claim,
        connection.role_mapping,
        connection.default_role,
        connection.roles_at_sign_in,
    )
