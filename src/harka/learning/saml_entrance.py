"""How a person comes in by SAML: a provider's page posts an answer, and the browser that asked comes for it.

That post comes from another site, so browsers send no cookie of ours with it. It is verified, its assertion
is used up, and whom it means is sealed into a cookie; then the browser is led to an address of ours, by a
plain GET with which it sends the cookie of who began, and there both must be of one request. Nobody is signed
in by an answer that an attacker got and had somebody else's browser post.
"""

from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.auth import saml
from harka.auth.oidc import Identity
from harka.auth.saml import Peer, Request
from harka.auth.saml_metadata import own_metadata
from harka.cache.once import is_first
from harka.errors import HarkaError, NotFoundError, SsoRefusedError, UnavailableError
from harka.learning.entrance import OF_ADDRESS, OF_ALL, Entrance, network_of, trying, working
from harka.learning.session import Device
from harka.learning.sso import SsoOutcome
from harka.learning.sso_entrance import SAML_FLOW, Arrived, Where, asked, let_in, opened, refused, sealed
from harka.learning.sso_role import deciding
from harka.learning.sso_saml import own_certificates
from harka.learning.sso_trust import said_by
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection, SsoKind
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import require_feature

_PASSED: Final = "saml-passed"
_PASSED_SECONDS: Final = 120
_ASSERTION: Final = "saml-assertion"
_REQUEST: Final = "saml-request"
_REQUEST_SECONDS: Final = 900.0
_LONGEST_NAME: Final = 200
_LONGEST_EMAIL: Final = 254


class Passed(msgspec.Struct, frozen=True):
    """Whom a verified answer means. `in_response_to`: None for one that nobody asked for.

    `version`: see `said_by`.
    `roles`: of all that the provider names the one that decides: a cookie does not hold a hundred groups.
    None with the reason, `untold`, where it did not tell.
    """

    connection: UUID
    version: int
    subject: str
    email: str | None
    name: str | None
    roles: list[str] | None
    in_response_to: str | None
    next: str
    passed_at: int
    untold: str = ""

    def __repr__(self) -> str:
        return "Passed(…)"


async def metadata(entrance: Entrance, context: TenantContext, id_: UUID, where: Where) -> str:
    """Ours for this provider: also of a draft, as it needs them first.

    Raise `NotFoundError`, `FeatureNotInPlanError`.
    """
    async with working(entrance, context, read_only=True) as work:
        found = await connections.find_by_ids(work.session, [id_])
    if not found or found[0].kind != SsoKind.SAML:
        raise NotFoundError
    require_feature(context.organization, "sso")
    return own_metadata(found[0].client_id, own_certificates(found[0]) or "", where.acs)


async def arrive(
    entrance: Entrance,
    context: TenantContext,
    id_: UUID,
    response: str,
    where: Where,
    next_: str,
    device: Device,
) -> str:
    """What the browser carries on to `enter`. `next_`: where to go by an answer that nobody asked for.

    Raise `SsoRefusedError`, with a trace that admins read, `NotFoundError`, `RateLimitedError`.
    """
    connection, peer = await asked(entrance, context, id_)
    if not isinstance(peer, Peer):
        raise NotFoundError
    try:
        async with trying(entrance, context, (OF_ADDRESS, network_of(device.address)), (OF_ALL, "")):
            passed = await _pass(entrance, context, connection, peer, response, where, next_)
    except HarkaError as error:
        raise await refused(entrance, context, id_, error) from error
    return sealed(entrance, context, _PASSED, passed)


async def _pass(
    entrance: Entrance,
    context: TenantContext,
    connection: SsoConnection,
    peer: Peer,
    response: str,
    where: Where,
    next_: str,
) -> Passed:
    answer = await entrance.assertions.answer(peer, response, where.acs)
    now, of = clock.now().timestamp(), f"{connection.id}:{answer.id}"
    if not await is_first(entrance.cache, context.id, _ASSERTION, of, seconds=answer.until - now):
        raise SsoRefusedError(SsoOutcome.WRONG_STATE, "The assertion was used before.")
    who = answer.identity
    return Passed(
        connection.id,
        said_by(connection),
        who.subject,
        None if who.email is None else who.email[: _LONGEST_EMAIL + 1],
        None if who.name is None else who.name[:_LONGEST_NAME],
        deciding(connection, who.roles),
        answer.in_response_to,
        next_,
        int(now),
        who.untold,
    )


async def enter(
    entrance: Entrance, context: TenantContext, id_: UUID, passed: str, began: str, device: Device
) -> Arrived:
    """Let in who was passed, in the browser that began. `passed`, `began`: the two cookies.

    Raise `SsoRefusedError`, with a trace that admins read, `NotFoundError`.
    """
    try:
        return await _enter(entrance, context, id_, passed, began, device)
    except (SsoRefusedError, UnavailableError) as error:
        raise await refused(entrance, context, id_, error) from error


async def _enter(
    entrance: Entrance, context: TenantContext, id_: UUID, passed: str, began: str, device: Device
) -> Arrived:
    connection, peer = await asked(entrance, context, id_)
    if not isinstance(peer, Peer):
        raise NotFoundError
    found = opened(entrance, context, _PASSED, passed, Passed)
    now = clock.now().timestamp()
    if (
        found is None
        or (found.connection, found.version) != (connection.id, said_by(connection))
        or now - found.passed_at > _PASSED_SECONDS
    ):
        raise SsoRefusedError(SsoOutcome.WRONG_STATE, "Too late, or the connection has changed since.")
    next_, once = found.next, f"{connection.id}:{passed}"
    if found.in_response_to is not None:
        request = opened(entrance, context, SAML_FLOW, began, Request)
        if (
            request is None
            or (request.connection, request.version) != (connection.id, said_by(connection))
            or request.id != found.in_response_to
            or saml.is_over(request)
        ):
            raise SsoRefusedError(SsoOutcome.WRONG_STATE, "Another browser, too late, or not begun here.")
        next_, once = request.next, request.id
    elif not connection.idp_initiated:
        raise SsoRefusedError(SsoOutcome.WRONG_STATE, "Nobody asked for it.")
    if not await is_first(entrance.cache, context.id, _REQUEST, once, seconds=_REQUEST_SECONDS):
        raise SsoRefusedError(SsoOutcome.WRONG_STATE, "It was used before.")
    identity = Identity(
        connection.issuer, found.subject, found.email, found.name, found.roles, untold=found.untold
    )
    return await let_in(entrance, context, connection, identity, next_, device)
