"""Who comes to sign in: nobody yet, at an organization's own address."""

from starlette.types import ASGIApp, Receive, Scope, Send

from harka.errors import UnauthenticatedError, UnavailableError
from harka.learning.session import Device
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import ANONYMOUS, TenantContext
from harka.tenancy.resolution import Headers, agree, signals
from harka.web.connection import ARRIVED
from harka.web.middleware.request_scope import RequestScope
from harka.web.middleware.tenant_door import admit, let_in, places, rank_of, require_room
from harka.web.whole_body import once_more, whole_body


class WholeVisit:
    """In front of a page that `visit`s: what is posted to it is here before it counts for anything."""

    def __init__(self, page: ASGIApp, runtime: Runtime) -> None:
        self._page = page
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and ARRIVED not in scope:
            organization = _visited(self._runtime, scope["harka"], scope["headers"])
            receive = once_more(await whole_body(self._runtime, receive, organization, ANONYMOUS), receive)
        await self._page(scope, receive, send)


async def visit(runtime: Runtime, request: RequestScope, headers: Headers) -> TenantContext:
    """The context of a stranger, whatever credentials they hold: a bad one must not keep them from a better.

    It has a place for each unit of work: none while a password is hashed, or a provider asked.
    Raise `UnknownTenantError` at an address that is no organization's, `TenantSuspendedError`,
    `RateLimitedError`, `OverloadedError`, `UnavailableError` when the catalog was never read.
    """
    organization = _visited(runtime, request, headers)
    await let_in(runtime, request, organization)
    request.record.actor = ANONYMOUS.kind
    rank = rank_of(ANONYMOUS, headers)
    await runtime.gate.take_turn(organization, rank, request.deadline)
    return TenantContext(
        organization=organization,
        actor=ANONYMOUS,
        request_id=request.id,
        deadline=request.deadline,
        place=places(runtime, organization, rank, request.deadline),
    )


def _visited(runtime: Runtime, request: RequestScope, headers: Headers) -> Organization:
    """At whose address this is. Raise like `visit`, but for `RateLimitedError`."""
    snapshot = runtime.directory.current
    if not snapshot.loaded:
        raise UnavailableError
    host = signals(snapshot, headers, trusted=request.trusted).host
    request.record.tenant = host
    organization = agree(snapshot, host)
    require_room(runtime, organization, ANONYMOUS, headers)
    return organization


async def known(runtime: Runtime, request: RequestScope, headers: Headers) -> TenantContext | None:
    """The context of who is signed in; None for who is not, or not any more. They `visit` already."""
    try:
        context = await admit(runtime, request, headers, begun=True)
    except UnauthenticatedError:
        return None
    return None if context.user is None else context


async def is_signed_out(runtime: Runtime, request: RequestScope, headers: Headers) -> bool:
    """Whether a browser still shows a session that is over."""
    said = signals(runtime.directory.current, headers, trusted=request.trusted)
    return said.session is not None and await known(runtime, request, headers) is None


def device_of(kind: str, request: RequestScope, headers: Headers, token: str = "") -> Device:
    """`token`: by which it is known here."""
    agent = next((value for name, value in headers if name == b"user-agent"), b"")
    return Device(kind, request.address, agent.decode("utf-8", "replace"), token)
