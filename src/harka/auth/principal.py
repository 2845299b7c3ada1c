"""Who asks: credentials verified first, tenants compared after, the user looked up last."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.auth import api_key
from harka.auth.permissions import permissions_named, permissions_of
from harka.auth.remembered import Remembered
from harka.auth.session_token import BrowserToken, open_browser_token
from harka.auth.token import AccessToken, VerifiedTokens
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.errors import UnauthenticatedError
from harka.repositories import user as users
from harka.repositories.api_key import ApiKey
from harka.repositories.organization import Organization
from harka.repositories.session import Proof
from harka.repositories.user import Acting
from harka.storage.session import ShardSession
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext
from harka.tenancy.directory import Snapshot
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission
from harka.tenancy.resolution import Signals, agree

_REMEMBERED_CALLERS: Final = 4096
# what tells of everybody at once, or changes what is everybody's: nobody may who may not see everybody
_OF_EVERYBODY: Final = frozenset(
    {
        Permission.ANALYTICS_READ,
        Permission.COURSE_WRITE,
        Permission.EVENT_READ,
        Permission.JOB_WRITE,
        Permission.ORGANIZATION_WRITE,
    }
)
_NOTHING: Final[frozenset[Permission]] = frozenset()


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A verified caller of an active organization.

    `user`: who acts, still to be looked up by `load_context`. `scopes`: the most the API key allows, None
    without a key. `key`: the API key that was shown, whoever acts; `rate`: the requests a second that it may
    make, None for no limit of its own. `session`: in which the user is signed in, to be looked up with them.
    """

    organization: Organization
    actor: Actor
    user: UUID | None
    scopes: frozenset[Permission] | None
    key: UUID | None = None
    rate: int | None = None
    session: Proof | None = None


class Authenticator:
    """Who asks, by what they show; remembers whom it let in, for as long as that cannot have changed.

    What an API key comes to follows from the snapshot of the catalog and the time alone: it is forgotten
    with the snapshot, and the time is looked at each time.
    """

    def __init__(self, settings: Settings) -> None:
        self._session_key = Keyring(settings.secret).session
        self._tokens = VerifiedTokens(settings)
        self._snapshot: Snapshot | None = None
        self._callers: Remembered[_Caller] = Remembered(_REMEMBERED_CALLERS)

    def authenticate(
        self, snapshot: Snapshot, signals: Signals, now: datetime, address: str = ""
    ) -> Credential:
        """`address`: the client's, which an API key may ask for.

        Raise `UnauthenticatedError` when any credential is bad; only then whatever `agree` raises. That the
        session of a cookie or token is live still is known when its user is looked up.

        `FeatureNotInPlanError` for an API key of an organization without `api_access`.
        """
        shown = signals.api_key or signals.session
        if shown is None or signals.bearer is not None or (signals.api_key and signals.session):
            return self._verified(snapshot, signals, now, address)[0]
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._callers.forget()
        caller = self._callers.find(shown)
        if (
            caller is not None
            and (signals.host is None or signals.host == caller.tenant)
            and (caller.key is None or _is_accepted(caller.key, now, address))
        ):
            return caller.credential
        credential, key = self._verified(snapshot, signals, now, address)
        self._callers.keep(shown, _Caller(credential, credential.organization.id, key))
        return credential

    def _verified(
        self, snapshot: Snapshot, signals: Signals, now: datetime, address: str
    ) -> tuple[Credential, ApiKey | None]:
        key = access = browser = None
        if signals.api_key is not None:
            key = api_key.verify(snapshot.api_keys, signals.api_key, now, address)
        if signals.bearer is not None:
            access = self._tokens.verify(snapshot.signing_keys, signals.bearer, now)
        if signals.session is not None:
            browser = open_browser_token(self._session_key, signals.session)
            if browser is None:
                raise UnauthenticatedError
        organization = agree(
            snapshot,
            signals.host,
            None if key is None else key.tenant_id,
            None if access is None else access.tenant,
            None if browser is None else browser.tenant,
        )
        if key is not None:
            require_feature(organization, "api_access")
        return _credential(organization, key, access, browser), key


class _Caller(msgspec.Struct, frozen=True):
    """Who was let in with a key or a cookie; they would be again, at the key's times and places."""

    credential: Credential
    tenant: UUID
    key: ApiKey | None


def _is_accepted(key: ApiKey, now: datetime, address: str) -> bool:
    """Of a key that is not revoked, since it stands in the snapshot."""
    is_over = key.expires_at is not None and now >= key.expires_at
    return not is_over and (not key.networks or api_key.is_from(address, key))


async def load_context(
    session: ShardSession, credential: Credential, *, request_id: str, deadline: float | None = None
) -> TenantContext:
    """Make the context of a request. Sends one statement when a user acts, none otherwise.

    Raise `UnauthenticatedError` when the user is gone, inactive or signed out. `deadline`: monotonic seconds.
    """
    acting = None
    if credential.user is not None:
        acting = await users.find_acting(session, credential.user, credential.session)
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
        session=None if credential.session is None else credential.session.id,
    )


def allowed_to(acting: Acting) -> tuple[frozenset[Permission], bool]:
    """What a user may do, and whether the groups they manage bound whom they see. Nothing bounds an owner."""
    own = acting.permissions
    allowed = permissions_of(acting.user.role) if own is None else permissions_named(own)
    bound = acting.manages_groups and Permission.ORGANIZATION_OWN not in allowed
    return allowed - _OF_EVERYBODY if bound else allowed, bound


def _credential(
    organization: Organization, key: ApiKey | None, access: AccessToken | None, browser: BrowserToken | None
) -> Credential:
    """Let a person act even when a key came along; the key then narrows what they may do.

    Raise `UnauthenticatedError` for a token and a cookie of two people.
    """
    if access is not None and browser is not None and access.user != browser.user:
        raise UnauthenticatedError
    person, proof = None, None
    if access is not None:
        person, proof = access.user, None if access.session is None else Proof(access.session)
    if browser is not None:
        person, proof = browser.user, Proof(browser.session, browser.hash)
    user, actor = person, ANONYMOUS
    if person is not None:
        actor = Actor(ActorKind.USER, person)
    elif key is not None:
        user, actor = key.user_id, Actor(ActorKind.API_KEY, key.id, key.name)
    return Credential(
        organization=organization,
        actor=actor,
        user=user,
        scopes=None if key is None else permissions_named(key.scopes),
        key=None if key is None else key.id,
        rate=None if key is None else key.requests_per_second,
        session=proof,
    )
