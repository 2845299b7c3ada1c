"""The door to everything a tenant owns: resolution, credential, agreement, admission, in this order."""

import math
import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from harka import clock
from harka.auth.principal import Credential, context_of, load_context
from harka.errors import OverloadedError, UnavailableError
from harka.graph.meter import Meter
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.session import open_session
from harka.tenancy.context import Actor, ActorKind, TenantContext
from harka.tenancy.line import Rank
from harka.tenancy.resolution import Headers, signals
from harka.web.connection import ARRIVED, carried
from harka.web.middleware.own_page import require_own_page
from harka.web.middleware.request_scope import RequestScope, leave
from harka.web.turn import Turn
from harka.web.whole_body import once_more, whole_body

T = TypeVar("T")

_URGENCY: Final = re.compile(rb"(?:^|,)[ \t]*u(?:=([^,;]*?))?[ \t]*(?=$|[,;])")
_BACKGROUND: Final = b"7"


class TenantDoor:
    """Lets a request in with its `TenantContext` in `scope["harka"].tenant`, or raises.

    The body of a POST is whole by then: what is uploaded otherwise has bounds of its own.
    """

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, headers = self._runtime, scope["headers"]
        request: RequestScope = scope["harka"]
        if scope["method"] == "POST" and ARRIVED not in scope:
            credential = recognized(runtime, request, headers)
            require_room(runtime, credential.organization, credential.actor, headers)
            body = await whole_body(runtime, receive, credential.organization, credential.actor)
            receive = once_more(body, receive)
        # (again) by what is true now: a body may take as long as a request may
        tenant = await carried(scope, admit(runtime, request, headers))
        scope["harka"] = msgspec.structs.replace(request, tenant=tenant)
        await self._app(scope, receive, send)


async def admit(runtime: Runtime, request: RequestScope, headers: Headers) -> TenantContext:
    """Who asks, and for which organization; also an operation on a WebSocket, its credentials as headers.

    It counts as under way until it `leave`s, whatever comes of it. Raise `BadRequestError`,
    `UnknownTenantError`, `UnauthenticatedError`, `ForbiddenError`, `RateLimitedError`, `OverloadedError`;
    `UnavailableError` when the catalog was never read or the user cannot be looked up.
    """
    credential = recognized(runtime, request, headers)
    require_room(runtime, credential.organization, credential.actor, headers)
    await count(runtime, request, credential)
    return await context_for(runtime, request, credential)


def require_room(runtime: Runtime, organization: Organization, actor: Actor, headers: Headers) -> None:
    """Raise `OverloadedError` when too many of this organization wait: before anything is counted or read."""
    gate = runtime.gate
    if gate.waiting and not gate.has_room(gate.flow(organization), rank_of(actor, headers)):
        raise OverloadedError


def count(
    runtime: Runtime, request: RequestScope, credential: Credential, turn: Turn | None = None
) -> Awaitable[None]:
    """Take a request of what the API key and the plan allow. Raise `RateLimitedError`.

    `turn`: whose place it has, and forgoes where the ledger has to be asked: raise like `Turn.forgo`.
    """
    if credential.key is not None and credential.rate is not None:
        runtime.key_rates.admit(credential.key, credential.rate, clock.monotonic())
    return let_in(runtime, request, credential.organization, turn)


def rank_of(actor: Actor, headers: Headers) -> Rank:
    """People come before programs, and those before what its client calls a task of the background.

    That is the urgency 7 of the header `Priority` (RFC 9218); said more than once, the last counts.
    """
    urgency = b""
    for name, value in headers:
        if name == b"priority":
            urgency = (_URGENCY.findall(value) or [urgency])[-1]
    if urgency == _BACKGROUND:
        return Rank.BULK
    return Rank.INTERACTIVE if actor.kind == ActorKind.USER else Rank.PARTNER


async def context_for(runtime: Runtime, request: RequestScope, credential: Credential) -> TenantContext:
    """Raise `UnauthenticatedError`, and `UnavailableError` when the user cannot be looked up."""
    if credential.user is None:
        return context_of(credential, None, request_id=request.id, deadline=request.deadline)
    return await _context(runtime, request, credential)


async def in_turn(
    runtime: Runtime, tenant: TenantContext, headers: Headers, work: Coroutine[Any, Any, T]
) -> T:
    """What `work` answers, once it has a place. Raise like `Gate.wait`."""
    deadline = math.inf if tenant.deadline is None else tenant.deadline
    try:
        async with runtime.gate.passing(tenant.organization, rank_of(tenant.actor, headers), deadline):
            return await work
    finally:
        work.close()


async def metered(runtime: Runtime, tenant: TenantContext, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` answers. The processor's time in its steps is settled, whatever comes of it.

    Of what was admitted by the door, and is no operation of GraphQL: those do so themselves.
    """
    admission = runtime.admission
    allowance, meter = admission.allowance(tenant.organization), Meter(work())
    try:
        return await meter
    finally:
        admission.settle(allowance, 0.0, 0.0, meter.seconds)


async def let_in(
    runtime: Runtime, request: RequestScope, organization: Organization, turn: Turn | None = None
) -> None:
    """Count it: as under way, in the place of what it was before, and in its organization's figures.

    `turn`: see `count`. Raise like that.
    """
    leave(request)
    allowance = runtime.admission.enter(organization)
    if allowance is None:
        if turn is not None:
            turn.forgo()
        allowance = await runtime.admission.wait_in(organization)
    request.record.running = allowance.running
    runtime.requests.note(organization.id)


async def identify(runtime: Runtime, request: RequestScope, headers: Headers) -> TenantContext:
    """Like `admit`, for whoever was admitted before and still listens: it costs no request."""
    return await _context(runtime, request, recognized(runtime, request, headers))


def recognized(runtime: Runtime, request: RequestScope, headers: Headers) -> Credential:
    """Like `verify`; an API key is noted as used."""
    now = clock.now()
    credential = verify(runtime, request, headers, now)
    runtime.key_usage.note(credential.key, now)
    if credential.session is not None:
        runtime.session_usage.note(credential.organization, credential.session.id, now)
    return credential


def verify(runtime: Runtime, request: RequestScope, headers: Headers, now: datetime) -> Credential:
    """Whose credentials these are, by what this process has in memory; nothing is counted.

    Raise like `admit`.
    """
    snapshot = runtime.directory.current
    if not snapshot.loaded:
        raise UnavailableError
    said = signals(snapshot, headers, trusted=request.trusted)
    # whoever is refused knocked at somebody's door, and those are to see it in their figures
    request.record.tenant = said.host
    if said.session is not None:
        require_own_page(headers, trusted=request.trusted)
    credential = runtime.authenticator.authenticate(snapshot, said, now, request.address)
    request.record.tenant = credential.organization.id
    request.record.actor = credential.actor.kind
    return credential


async def _context(runtime: Runtime, request: RequestScope, credential: Credential) -> TenantContext:
    organization = credential.organization
    session = open_session(
        runtime.databases,
        organization.location,
        organization.id,
        read_only=True,
        timeout=request.deadline - clock.monotonic(),
        single=True,
    )
    try:
        context = await load_context(session, credential, request_id=request.id, deadline=request.deadline)
        await session.commit()
    finally:
        await session.rollback()
        request.record.statements += session.statements
    return context


class HostDoor:
    """The door to what every organization has alike: only the address must be one of ours."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._directory = runtime.directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        snapshot = self._directory.current
        if not snapshot.loaded:
            raise UnavailableError
        request: RequestScope = scope["harka"]
        request.record.tenant = signals(snapshot, scope["headers"], trusted=request.trusted).host
        await self._app(scope, receive, send)
