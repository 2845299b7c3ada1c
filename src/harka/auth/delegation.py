"""What somebody asked for and a job does later: as them, with no more than they may do then."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.permissions import permissions_named
from harka.auth.principal import Credential, load_context
from harka.errors import UnauthenticatedError
from harka.repositories.api_key import ApiKey
from harka.repositories.organization import Organization
from harka.storage.session import ShardSession
from harka.tenancy.context import Actor, ActorKind, TenantContext


class Delegate(msgspec.Struct, frozen=True):
    """Who asked, as it is kept until then. `scopes`: what they might do when they asked, by its names."""

    kind: str
    id: UUID | None
    name: str
    user_id: UUID | None
    scopes: list[str]


def delegate_of(context: TenantContext) -> Delegate:
    actor = context.actor
    return Delegate(
        kind=str(actor.kind),
        id=actor.id,
        name=actor.name,
        user_id=None if context.user is None else context.user.id,
        scopes=sorted(context.permissions),
    )


async def context_for(
    session: ShardSession,
    organization: Organization,
    delegate: Delegate,
    keys: Sequence[ApiKey],
    *,
    request_id: str,
) -> TenantContext:
    """Make the context of who asked, as of now. Sends one statement when a person acts, none otherwise.

    `keys`: the organization's live ones. Raise `UnauthenticatedError` when the person is gone or inactive, or
    the API key revoked or over.
    """
    kind = ActorKind(delegate.kind)
    if kind is ActorKind.API_KEY and not any(_is_live(key, delegate.id) for key in keys):
        raise UnauthenticatedError("The API key that asked for this is not valid any more.")
    credential = Credential(
        organization=organization,
        actor=Actor(kind, delegate.id, delegate.name),
        user=delegate.user_id,
        scopes=permissions_named(delegate.scopes),
    )
    return await load_context(session, credential, request_id=request_id)


def _is_live(key: ApiKey, id_: UUID | None) -> bool:
    return key.id == id_ and (key.expires_at is None or clock.now() < key.expires_at)
