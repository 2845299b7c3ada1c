"""Who asks: credentials verified first, tenants compared after, the user looked up last."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.auth import api_key
from harka.auth.permissions import permissions_named, permissions_of
from harka.auth.remembered import Remembered
from harka.auth.token import VerifiedTokens
from harka.config import Settings
from harka.errors import UnauthenticatedError
from harka.repositories import user as users
from harka.repositories.api_key import ApiKey
from harka.repositories.organization import Organization
from harka.repositories.user import Acting
from harka.storage.session import ShardSession
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext
from harka.tenancy.directory import Snapshot
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission
from harka.tenancy.resolution import Signals, agree

_REMEMBERED_CALLERS: Final = 4096
# what tells of everybody at once, which nobody may see who may not see everybody
_OF_EVERYBODY: Final = frozenset({Permission.ANALYTICS_READ})
_NOTHING: Final[frozenset[Permission]] = frozenset()


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A verified caller of an active organization.

    `user`: who acts, still to be looked up by `load_context`. `scopes`: the most the API key allows, None
    without a key. `key`: the API key that was shown, whoever acts; `rate`: the requests a second that it may
    make, None for no limit of its own.
    """

    organization: Organization
    actor: Actor
    user: UUID | None
    scopes: frozenset[Permission] | None
    key: UUID | None = None
    rate: int | None = None


class Authenticator:
    """Who asks, by what they show; remembers whom it let in, for as long as that cannot have changed.

    What an API key comes to follows from the snapshot of the catalog and the time alone: it is forgotten
    with the snapshot, and the time is looked at each time.
    """

    def __init__(self, settings: Settings) -> None:
        self._tokens = VerifiedTokens(settings)
        self._snapshot: Snapshot | None = None
        self._callers: Remembered[_Caller] = Remembered(_REMEMBERED_CALLERS)

    def authenticate(
        self, snapshot: Snapshot, signals: Signals, now: datetime, address: str = ""
    ) -> Credential:
        """`address`: the client's, which an API key may ask for.

        Raise `UnauthenticatedError` when any credential is bad; only then whatever `agree` raises.

        `FeatureNotInPlanError` for an API key of an organization without `api_access`.

        A session cookie names a session; until there are sessions it names none, and is a bad credential.
        """
        if signals.session is not None:
            raise UnauthenticatedError
        if signals.api_key is None or signals.bearer is not None:
            return self._verified(snapshot, signals, now, address)[0]
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._callers.forget()
        caller = self._callers.find(signals.api_key)
        if (
            caller is not None
            and (signals.host is None or signals.host == caller.key.tenant_id)
            and (caller.key.expires_at is None or now < caller.key.expires_at)
            and (not caller.key.networks or api_key.is_from(address, caller.key))
        ):
            return caller.credential
        credential, key = self._verified(snapshot, signals, now, address)
        if key is not None:
            self._callers.keep(signals.api_key, _Caller(credential, key))
        return credential

    def _verified(
        self, snapshot: Snapshot, signals: Signals, now: datetime, address: str
    ) -> tuple[Credential, ApiKey | None]:
        key = access = None
        if signals.api_key is not None:
            key = api_key.verify(snapshot.api_keys, signals.api_key, now, address)
        if signals.bearer is not None:
            access = self._tokens.verify(snapshot.signing_keys, signals.bearer, now)
        organization = agree(
            snapshot,
            signals.host,
            None if key is None else key.tenant_id,
            None if access is None else access.tenant,
        )
        if key is not None:
            require_feature(organization, "api_access")
        return _credential(organization, key, None if access is None else access.user), key


class _Caller(msgspec.Struct, frozen=True):
    """Who was let in with an API key; they would be again, at its times and places."""

    credential: Credential
    key: ApiKey


async def load_context(
    session: ShardSession, credential: Credential, *, request_id: str, deadline: float | None = None
) -> TenantContext:
    """Make the context of a request. Sends one statement when a user acts, none otherwise.

    Raise `UnauthenticatedError` when the user is gone or inactive. `deadline`: monotonic seconds.
    """
    acting = None
    if credential.user is not None:
        acting = await users.find_acting(session, credential.user)
        if acting is None or acting.user.status != "active":
            raise UnauthenticatedError
    return context_of(credential, acting, request_id=request_id, deadline=deadline)


def context_of(
    credential: Credential, acting: Acting | None, *, request_id: str, deadline: float | None = None
) -> TenantContext:
    """Make a request's context. Raise `UnauthenticatedError` without the user whom `credential` names."""
    manages_groups = False
    if acting is not None:
        allowed, manages_groups = allowed_to(acting)
        if credential.scopes is not None:
            allowed &= credential.scopes
    elif credential.user is None:
        allowed = credential.scopes or _NOTHING
    else:
        raise UnauthenticatedError
    return TenantContext(
        organization=credential.organization,
        actor=credential.actor,
        user=None if acting is None else acting.user,
        permissions=allowed,
        manages_groups=manages_groups,
        request_id=request_id,
        deadline=deadline,
    )


def allowed_to(acting: Acting) -> tuple[frozenset[Permission], bool]:
    """What a user may do, and whether the groups they manage bound whom they see. Nothing bounds an owner."""
    own = acting.permissions
    allowed = permissions_of(acting.user.role) if own is None else permissions_named(own)
    bound = acting.manages_groups and Permission.ORGANIZATION_OWN not in allowed
    return allowed - _OF_EVERYBODY if bound else allowed, bound


def _credential(organization: Organization, key: ApiKey | None, token_user: UUID | None) -> Credential:
    """Let a token's user act even when a key came along; the key then narrows what they may do."""
    scopes = None if key is None else permissions_named(key.scopes)
    user = token_user
    actor = ANONYMOUS
    if token_user is not None:
        actor = Actor(ActorKind.USER, token_user)
    elif key is not None:
        actor = Actor(ActorKind.API_KEY, key.id, key.name)
        user = key.user_id
    return Credential(
        organization=organization,
        actor=actor,
        user=user,
        scopes=scopes,
        key=None if key is None else key.id,
        rate=None if key is None else key.requests_per_second,
    )
