"""The door to everything a tenant owns: resolution, credential, agreement, admission, in this order."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from functools import partial
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
from harka.web.connection import carried
from harka.web.middleware.own_page import require_own_page
from harka.web.middleware.request_scope import RequestScope, leave
from harka.web.turn import Turn

T = TypeVar("T")

# what may be a blank is matched in one way only: in two, blanks take time by their square
_URGENCY: Final = re.compile(rb"(?:^|,)[ \t]*u(?:=([^,;]*)|[ \t]*)(?=$|[,;])")
_BACKGROUND: Final = b"7"


class TenantDoor:
    """Lets a request in with its `TenantContext` in `scope["harka"].tenant`, or raises.

    For what is no operation: it holds a place for each unit of work, and none while bytes flow.
    """

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: RequestScope = scope["harka"]
        tenant = await carried(scope, admit(self._runtime, request, scope["headers"]))
        scope["harka"] = msgspec.structs.replace(request, tenant=tenant)
        await self._app(scope, receive, send)


async def admit(
    runtime: Runtime, request: RequestScope, headers: Headers, *, begun: bool = False
) -> TenantContext:
    """Who asks, and for which organization, with a place for each unit of work.

    `begun`: they are in already, as somebody or nobody, and not refused any more, but by quotas. Raise like
    `recognized` and `admitted`.
    """
    credential = recognized(runtime, request, headers)
    organization, actor = credential.organization, credential.actor
    if not begun:
        require_room(runtime, organization, actor, headers)
    await count(runtime, request, credential)
    if not begun:
        await runtime.gate.take_turn(organization, rank_of(actor, headers), request.deadline)
    place = places(runtime, organization, rank_of(actor, headers), request.deadline)
    async with place() if credential.user is not None else nullcontext():
        tenant = await context_for(runtime, request, credential)
    return msgspec.structs.replace(tenant, place=place)


@asynccontextmanager
async def admitted(
    runtime: Runtime, request: RequestScope, credential: Credential, headers: Headers
) -> AsyncIterator[TenantContext]:
    """Who asks, and for which organization; also an operation on a WebSocket, its credentials as headers.

    While the block runs it has a place. It counts as under way until it `leave`s, whatever comes of it. Raise
    like `in_turn`; `UnauthenticatedError`, `UnavailableError` when the user cannot be looked up.
    """
    async with in_turn(runtime, request, credential, headers):
        yield await context_for(runtime, request, credential)


@asynccontextmanager
async def in_turn(
    runtime: Runtime, request: RequestScope, credential: Credential, headers: Headers
) -> AsyncIterator[None]:
    """A place while the block runs, once the request is counted.

    Raise `RateLimitedError`, `OverloadedError`, `DeadlineExceededError`.
    """
    organization, actor = credential.organization, credential.actor
    require_room(runtime, organization, actor, headers)
    await count(runtime, request, credential)
    async with runtime.gate.passing(organization, rank_of(actor, headers), request.deadline):
        yield


def places(
    runtime: Runtime, organization: Organization, rank: Rank, deadline: float
) -> Callable[[], AbstractAsyncContextManager[None]]:
    """One for each piece of a request's work, while others are waited for in between: threads, providers.

    For who has had a turn, and is refused by the deadline alone: what is begun would be lost.
    """
    return partial(runtime.gate.passing, organization, rank, deadline, begun=True)


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
    if urgency.rstrip(b" \t") == _BACKGROUND:
        return Rank.BULK
    return Rank.INTERACTIVE if actor.kind == ActorKind.USER else Rank.PARTNER


async def context_for(runtime: Runtime, request: RequestScope, credential: Credential) -> TenantContext:
    """Raise `UnauthenticatedError`, and `UnavailableError` when the user cannot be looked up."""
    if credential.user is None:
        return context_of(credential, None, request_id=request.id, deadline=request.deadline)
    return await _context(runtime, request, credential)


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


@asynccontextmanager
async def listening(
    runtime: Runtime, request: RequestScope, headers: Headers
) -> AsyncIterator[TenantContext]:
    """Like `admitted`, for whoever was before and is told of an event: it costs no request.

    Thousands may be told at once: a few of them at a time, which are not refused.
    """
    organization = recognized(runtime, request, headers).organization
    async with runtime.gate.tellers(organization):
        deadline = clock.monotonic() + runtime.settings.request_timeout
        async with runtime.gate.passing(organization, Rank.PARTNER, deadline, begun=True):
            # by what is true now
            credential = recognized(runtime, request, headers)
            yield await context_for(runtime, msgspec.structs.replace(request, deadline=deadline), credential)


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
