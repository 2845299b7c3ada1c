"""A provider ends what began by it: somebody signed out there, or is let in no more."""

from typing import Final
from uuid import UUID

from harka import logs
from harka.auth.oidc import Client
from harka.auth.oidc_logout import OLDEST, accept_logout
from harka.cache.throttle import Rate
from harka.errors import NotFoundError, SsoRefusedError
from harka.learning import sso
from harka.learning.entrance import Entrance, working
from harka.learning.sso import SsoOutcome
from harka.learning.sso_entrance import trace
from harka.repositories import sso as connections
from harka.repositories import sso_session
from harka.repositories.sso import SsoConnection, SsoKind, SsoState
from harka.tenancy.context import TenantContext

_ONCE: Final = Rate("sso-logout", most=1, seconds=OLDEST + 300.0)
_TYPES: Final = frozenset({"", "jwt", "logout+jwt"})

log = logs.logger("sso")


async def end(entrance: Entrance, context: TenantContext, id_: UUID, token: str) -> int:
    """How many sessions a logout token has ended; their sockets follow within seconds.

    Also by a connection that is disabled: what began by it may live on. Raise `NotFoundError` for one that
    is none of a provider's, `SsoRefusedError` for whatever is wrong with the token, `UnavailableError`.
    """
    connection, client = await _asked(entrance, context, id_)
    try:
        payload = await entrance.providers.payload(client, token, types=_TYPES)
        logout = accept_logout(payload, client)
        await _use(entrance, context, f"{id_}:{logout.id}")
    except SsoRefusedError as error:
        await trace(entrance, context, id_, SsoOutcome.LOGOUT_REFUSED, error.detail)
        raise
    try:
        async with working(entrance, context, read_only=False) as work:
            people = await sso_session.revoke(
                work.session, connection.id, client.issuer, logout.subject, logout.sid
            )
            for person in sorted(set(people)):
                await sso.note(work, SsoOutcome.SIGNED_OUT, connection=connection.id, user=person)
    except BaseException:
        # the provider may send the same again
        await entrance.throttle.give_back(context.id, _ONCE, f"{id_}:{logout.id}")
        raise
    log.info("a provider ended sessions", tenant=str(context.id), connection=str(id_), sessions=len(people))
    return len(people)


async def _use(entrance: Entrance, context: TenantContext, token: str) -> None:
    if await entrance.throttle.take(context.id, _ONCE, token) > 0.0:
        raise SsoRefusedError(SsoOutcome.LOGOUT_REFUSED, "It was used before.")


async def _asked(entrance: Entrance, context: TenantContext, id_: UUID) -> tuple[SsoConnection, Client]:
    async with working(entrance, context, read_only=True) as work:
        found = await connections.find_by_ids(work.session, [id_])
        if not found or found[0].kind != SsoKind.OIDC or found[0].state == SsoState.DRAFT:
            raise NotFoundError
        return found[0], await sso.client_of(work, entrance.keyring, found[0])
