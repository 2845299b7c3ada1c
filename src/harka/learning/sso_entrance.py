"""How a person comes in by a connection: sent to the provider, come back with what it says, let in.

What belongs to one attempt is sealed into a cookie of the browser that began it, so nobody ends what another
began; that it is used once is remembered in Valkey. No transaction is open while a provider is asked.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from harka import clock
from harka.auth import oidc, saml
from harka.auth.ldap import LONGEST_LOGIN, Place
from harka.auth.oidc import Flow, Identity, Names
from harka.auth.saml import Peer
from harka.cache.throttle import Rate
from harka.codec import json_bytes
from harka.crypto import envelope
from harka.errors import (
    ConflictError,
    DeadlineExceededError,
    FeatureNotInPlanError,
    HarkaError,
    NotFoundError,
    OverloadedError,
    PlanLimitError,
    RateLimitedError,
    SsoRefusedError,
    UnavailableError,
    ValidationError,
    WrongPasswordError,
)
from harka.learning import scim_user, session, sso, sso_role, user, user_row
from harka.learning.entrance import (
    OF_ADDRESS,
    OF_ALL,
    Entrance,
    Shown,
    network_of,
    of_account,
    sign_in,
    trying,
    working,
)
from harka.learning.session import Begun, Device
from harka.learning.sso import Asked, SsoOutcome
from harka.learning.sso_draft import role_of
from harka.learning.sso_trust import said_by
from harka.learning.work import UnitOfWork
from harka.repositories import domain as domains
from harka.repositories import scim_user as scim_users
from harka.repositories import sso as connections
from harka.repositories import sso_session
from harka.repositories import user as users
from harka.repositories.sso import SsoConnection, SsoRolesAtSignIn, SsoState
from harka.repositories.sso_session import Origin
from harka.repositories.user import UserStatus
from harka.storage.session import UniqueError
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import features_for, require_feature

_ONCE: Final = Rate("sso", most=1, seconds=900.0)
_TRACED: Final = Rate("sso-trace", most=200, seconds=2.0)
"""Failures that are written down: what strangers send must not fill a table."""
_LONGEST_DOMAIN: Final = 253
_LINK_SECONDS: Final = 600
_FLOW: Final = "sso-flow"
SAML_FLOW: Final = "saml-flow"
_LINK: Final = "sso-link"

T = TypeVar("T")


class Where(msgspec.Struct, frozen=True):
    """At which address somebody came, and by which connection, as an id of the graph.

    Each connection has addresses of its own, so that no provider's answer is taken for another's.
    """

    origin: str
    connection: str

    @property
    def callback(self) -> str:
        return f"{self.origin}/auth/sso/{self.connection}/callback"

    @property
    def acs(self) -> str:
        return f"{self.origin}/auth/saml/{self.connection}/acs"


class Sent(msgspec.Struct, frozen=True):
    """`address`: of the provider. `cookie`: what the browser has to bring back."""

    address: str
    cookie: str


class Ask(msgspec.Struct, frozen=True):
    """A directory of this name: people show it their password through us."""

    name: str


class Pending(msgspec.Struct, frozen=True):
    """An identity that nobody is linked to, whose address somebody has: to be linked by their password.

    `roles`: of all that the provider names the one that decides; None with the reason, `untold`, where it did
    not tell.
    """

    connection: UUID
    issuer: str
    subject: str
    email: str
    began_at: int
    sid: str | None = None
    roles: list[str] | None = []
    untold: str = ""


class Arrived(msgspec.Struct, frozen=True):
    """`begun`: None when a password has to link them first, with `link` as a cookie."""

    begun: Begun | None
    next: str
    link: str = ""
    email: str = ""


async def offered(work: UnitOfWork) -> list[SsoConnection]:
    """By which anybody may come in; none without the feature."""
    if not features_for(work.context.organization).sso:
        return []
    return list(await connections.offered(work.session))


async def route(work: UnitOfWork, email: str) -> SsoConnection | None:
    """Where somebody with this address signs in, told by its domain alone; None for no connection.

    Whether the address is anybody's is not looked for. A domain that is proven no more leads nowhere.
    """
    domain = email.rpartition("@")[2].strip().lower()
    if not 0 < len(domain) <= _LONGEST_DOMAIN or not domain.isprintable():
        return None
    if not features_for(work.context.organization).sso:
        return None
    found = await connections.routed(work.session, domain)
    if found is None or not await domains.list_proven(work.outside.catalog, work.context.id, [domain]):
        return None
    return found


async def end_address(
    entrance: Entrance, context: TenantContext, id_: UUID, back: str
) -> tuple[SsoConnection, str | None]:
    """Where somebody ends their session at the provider, too; None where that cannot be. `back`: where then.

    Raise like `asked`.
    """
    connection, client = await asked(entrance, context, id_)
    if not isinstance(client, oidc.Client):
        return connection, None
    try:
        provider = await entrance.providers.find(client)
    except (SsoRefusedError, UnavailableError):
        # they are out here, and whether there is told by nothing
        return connection, None
    return connection, oidc.end_address(provider, client, back)


async def begin(
    entrance: Entrance, context: TenantContext, id_: UUID, where: Where, next_: str
) -> Sent | Ask:
    """Raise `SsoRefusedError`, `UnavailableError`, and like `asked`, as all that is below."""
    connection, client = await asked(entrance, context, id_)
    if isinstance(client, Place):
        return Ask(connection.name)
    if isinstance(client, Peer):
        request = saml.begin(connection.id, said_by(connection), next_)
        return Sent(saml.address(client, request, where.acs), sealed(entrance, context, SAML_FLOW, request))
    flow = oidc.begin(connection.id, said_by(connection), next_)
    try:
        provider = await entrance.providers.find(client)
    except HarkaError as error:
        raise await refused(entrance, context, id_, error) from error
    address = oidc.address(provider, client, flow, where.callback)
    return Sent(address, sealed(entrance, context, _FLOW, flow))


async def finish(
    entrance: Entrance,
    context: TenantContext,
    id_: UUID,
    said: Mapping[str, str],
    cookie: str,
    redirect_uri: str,
    device: Device,
) -> Arrived:
    """`said`: what the provider sent along. Raise `SsoRefusedError`, with a trace that admins read.

    `RateLimitedError` after too many tries: each asks the provider.
    """
    try:
        async with trying(entrance, context, (OF_ADDRESS, network_of(device.address)), (OF_ALL, "")):
            return await _finish(entrance, context, id_, said, cookie, redirect_uri, device)
    except HarkaError as error:
        raise await refused(entrance, context, id_, error) from error


async def enter(
    entrance: Entrance,
    context: TenantContext,
    id_: UUID,
    login: str,
    password: str,
    next_: str,
    device: Device,
) -> Arrived:
    """By a directory that says so: by what they are called there, and their password there.

    Raise `WrongPasswordError` for nobody and for a wrong one alike, `RateLimitedError` after too many tries,
    `SsoRefusedError`, `NotFoundError`.
    """
    connection, place = await asked(entrance, context, id_)
    if not isinstance(place, Place):
        raise NotFoundError
    known_as = login.strip()
    account = f"{connection.id}:{known_as[: LONGEST_LOGIN + 1].lower()}"
    network = network_of(device.address)
    tries = (OF_ADDRESS, network), *of_account(account, network), (OF_ALL, "")
    try:
        async with trying(entrance, context, *tries):
            identity = await entrance.directories.identity(place, known_as, password)
            return await let_in(entrance, context, connection, identity, next_, device)
    except WrongPasswordError as error:
        await trace(entrance, context, id_, SsoOutcome.WRONG_PASSWORD, error.detail)
        raise
    except HarkaError as error:
        raise await refused(entrance, context, id_, error) from error


async def link(
    entrance: Entrance, context: TenantContext, cookie: str, shown: Shown, device: Device
) -> tuple[Begun, SsoConnection]:
    """Whoever has the address that the provider told, and shows their password, is whom it meant from now on.

    Raise `SsoRefusedError` for a cookie that is too old, and like `entrance.sign_in`.
    """
    pending = opened(entrance, context, _LINK, cookie, Pending)
    if pending is None or clock.now().timestamp() - pending.began_at > _LINK_SECONDS:
        raise SsoRefusedError(SsoOutcome.WRONG_STATE)
    connection, _ = await asked(entrance, context, pending.connection)

    async def linking(work: UnitOfWork, begun: Begun) -> None:
        person = begun.session.user_id
        await connections.link(work.session, connection.id, pending.issuer, pending.subject, person)
        origin = Origin(connection.id, pending.issuer, pending.subject, pending.sid)
        await sso_session.insert(work.session, begun.session.id, origin)
        await connections.prove(work.session, connection)
        told = await sso_role.follow(work, connection, person, pending.roles, pending.untold)
        await sso.note(work, SsoOutcome.LINKED, connection=connection.id, user=person, detail=told)

    try:
        # nobody else's password will do: they would come in by it past what is enforced
        theirs = Shown(pending.email, shown.password, shown.code)
        begun = await sign_in(entrance, context, theirs, device, linking=linking)
    except UniqueError as error:
        raise ConflictError("Somebody is linked to this already.") from error
    return begun, connection


async def _finish(
    entrance: Entrance,
    context: TenantContext,
    id_: UUID,
    said: Mapping[str, str],
    cookie: str,
    redirect_uri: str,
    device: Device,
) -> Arrived:
    connection, client = await asked(entrance, context, id_)
    if not isinstance(client, oidc.Client):
        raise NotFoundError
    flow = opened(entrance, context, _FLOW, cookie, Flow)
    if (
        flow is None
        or (flow.connection, flow.version) != (connection.id, said_by(connection))
        or oidc.is_over(flow)
        or not secrets.compare_digest(flow.state.encode(), said.get("state", "").encode())
    ):
        raise SsoRefusedError(SsoOutcome.WRONG_STATE, "Another browser, too late, or not begun here.")
    if await entrance.throttle.take(context.id, _ONCE, flow.state) > 0.0:
        raise SsoRefusedError(SsoOutcome.WRONG_STATE, "It was used before.")
    provider = await entrance.providers.find(client)
    issuer = said.get("iss")
    if issuer != client.issuer and (
        issuer is not None or provider.authorization_response_iss_parameter_supported
    ):
        raise SsoRefusedError(SsoOutcome.PROVIDER_ERROR, "The answer is another issuer's.")
    if "error" in said or "code" not in said:
        raise SsoRefusedError(SsoOutcome.PROVIDER_ERROR, said.get("error", "It sent no code."))
    try:
        tokens = await oidc.redeem(provider, client, flow, said["code"], redirect_uri)
    except UnavailableError as error:
        # it was asked all the same, in the organization's name: that takes a try
        raise SsoRefusedError(SsoOutcome.PROVIDER_ERROR, error.message) from error
    claims = await entrance.providers.payload(client, tokens.id, types=None)
    names = Names(connection.email_attribute, connection.name_attribute, connection.role_claim)
    identity = oidc.accept_claims(claims, client, flow.nonce, names)
    if await _has_more_to_tell(entrance, context, connection, identity, oidc.lacking(claims, names)):
        told, untold = {}, ""
        try:
            told = await oidc.user_info(provider, client, tokens.access, identity.subject)
        except UnavailableError as error:
            # what is there may be enough
            untold = error.message
        identity = oidc.accept_claims(claims, client, flow.nonce, names, told, untold=untold)
    return await let_in(entrance, context, connection, identity, flow.next, device)


async def _has_more_to_tell(
    entrance: Entrance,
    context: TenantContext,
    connection: SsoConnection,
    identity: Identity,
    lacking: Collection[str],
) -> bool:
    """Whether something counts that a token lacks: of who is linked already at most what names their role."""
    if not lacking:
        return False
    if connection.roles_at_sign_in == SsoRolesAtSignIn.EVERY and connection.role_claim in lacking:
        return True
    async with working(entrance, context, read_only=True) as work:
        known = await connections.find_identity(
            work.session, connection.id, identity.issuer, identity.subject
        )
    return known is None


async def let_in(
    entrance: Entrance,
    context: TenantContext,
    connection: SsoConnection,
    identity: Identity,
    next_: str,
    device: Device,
) -> Arrived:
    told = ""
    async with working(entrance, context, read_only=False) as work:
        person = await connections.find_identity(
            work.session, connection.id, identity.issuer, identity.subject
        )
        if person is None:
            person = await _named_by_directory(work, connection, identity)
        if person is None:
            if identity.email is None:
                raise SsoRefusedError(
                    SsoOutcome.ADDRESS_MISSING,
                    f"The provider tells no e-mail address that it has verified. {identity.untold}".rstrip(),
                )
            if await users.find_by_emails(work.session, [identity.email]):
                await sso.note(work, SsoOutcome.ADDRESS_TAKEN, connection=connection.id)
                pending = Pending(
                    connection.id,
                    identity.issuer,
                    identity.subject,
                    identity.email,
                    int(clock.now().timestamp()),
                    identity.sid,
                    sso_role.deciding(connection, identity.roles),
                    identity.untold,
                )
                cookie = sealed(entrance, context, _LINK, pending)
                return Arrived(None, next_, cookie, identity.email)
            person = await _come_in(work, connection, identity)
            told = "" if identity.roles is not None else f"Their role is the default one: {identity.untold}"
        else:
            found = await users.find_by_ids(work.session, [person])
            if not found or found[0].status != UserStatus.ACTIVE:
                raise SsoRefusedError(SsoOutcome.INACTIVE, "They are deactivated here.")
            told = await sso_role.follow(
                work, connection, person, identity.roles, identity.untold, known=found[0]
            )
        begun = await session.begin(work, entrance.keyring.session, person, device)
        origin = Origin(connection.id, identity.issuer, identity.subject, identity.sid)
        await sso_session.insert(work.session, begun.session.id, origin)
        await connections.prove(work.session, connection)
        await sso.note(work, SsoOutcome.SIGNED_IN, connection=connection.id, user=person, detail=told)
    return Arrived(begun, next_)


async def _named_by_directory(work: UnitOfWork, connection: SsoConnection, identity: Identity) -> UUID | None:
    """Linked: whom the organization's own directory (SCIM) calls what the provider calls them.

    Their address must be theirs, too, and they no more than a directory may make of anybody.
    """
    found = [] if identity.email is None else await users.find_by_emails(work.session, [identity.email])
    if not found or found[0].role not in scim_user.ROLES:
        return None
    if not await scim_users.is_called(work.session, found[0].id, identity.subject):
        return None
    await connections.link(work.session, connection.id, identity.issuer, identity.subject, found[0].id)
    await sso.note(work, SsoOutcome.LINKED, connection=connection.id, user=found[0].id)
    return found[0].id


async def _come_in(work: UnitOfWork, connection: SsoConnection, identity: Identity) -> UUID:
    """A new user: just in time."""
    try:
        made = user_row.new_row(
            role=role_of(connection, identity.roles or ()),
            role_id=None,
            **user_row.accepted(
                work,
                {
                    "email": identity.email,
                    "name": identity.name or (identity.email or "").partition("@")[0],
                    "locale": None,
                    "timezone": None,
                },
            ),
        )
        await user.require_seats(work, 1)
        await user.insert_many(work, [made])
    except PlanLimitError as error:
        raise SsoRefusedError(SsoOutcome.NO_SEAT, error.message) from error
    except ValidationError as error:
        raise SsoRefusedError(SsoOutcome.ADDRESS_MISSING, f"{error.field}: {error.message}") from error
    await connections.link(work.session, connection.id, identity.issuer, identity.subject, made.id)
    return made.id


async def asked(entrance: Entrance, context: TenantContext, id_: UUID) -> tuple[SsoConnection, Asked]:
    """One by which people come in, and how it asks. Raise `NotFoundError`.

    `FeatureNotInPlanError` for one that the plan no longer includes: it was on the sign-in page once, and
    what is none, or another organization's, is found by nobody.
    """
    async with working(entrance, context, read_only=True) as work:
        found = await connections.find_by_ids(work.session, [id_])
        if not found or found[0].state not in {SsoState.TESTED, SsoState.ENFORCED}:
            raise NotFoundError
        require_feature(context.organization, "sso")
        return found[0], await sso.asked_by(work, entrance.keyring, found[0])


_TOLD_AS_THEY_ARE: Final = (
    NotFoundError,
    FeatureNotInPlanError,
    RateLimitedError,
    OverloadedError,
    DeadlineExceededError,
)


async def refused(
    entrance: Entrance, context: TenantContext, connection: UUID, error: HarkaError
) -> HarkaError:
    """What to tell; it is traced."""
    if isinstance(error, _TOLD_AS_THEY_ARE):
        return error
    outcome, detail = SsoOutcome.PROVIDER_ERROR.value, error.message
    if isinstance(error, SsoRefusedError):
        outcome, detail = error.outcome, error.detail
    await trace(entrance, context, connection, outcome, detail)
    return error if isinstance(error, SsoRefusedError) else SsoRefusedError(outcome, detail)


async def trace(
    entrance: Entrance, context: TenantContext, connection: UUID, outcome: str, detail: str = ""
) -> None:
    """For admins, unless there were too many."""
    if await entrance.throttle.take(context.id, _TRACED, "") == 0.0:
        async with working(entrance, context, read_only=False) as work:
            await sso.note(work, outcome, connection=connection, detail=detail)


def sealed(entrance: Entrance, context: TenantContext, purpose: str, value: Any) -> str:
    content = json_bytes(msgspec.to_builtins(value))
    box = envelope.seal(entrance.keyring.seal, content, tenant=context.id, purpose=purpose)
    return urlsafe_b64encode(box).decode("ascii")


def opened(entrance: Entrance, context: TenantContext, purpose: str, cookie: str, type_: type[T]) -> T | None:
    """None for what was not sealed here, for this."""
    try:
        box = urlsafe_b64decode(cookie.encode("ascii"))
        content = envelope.open_sealed(entrance.keyring.seal, box, tenant=context.id, purpose=purpose)
        return msgspec.json.decode(content, type=type_)
    except (ValueError, envelope.BrokenSealError):
        return None
