"""Who comes to sign in: nobody yet, at an organization's own address."""

from harka.errors import UnauthenticatedError, UnavailableError
from harka.learning.session import Device
from harka.runtime import Runtime
from harka.tenancy.context import ANONYMOUS, TenantContext
from harka.tenancy.resolution import Headers, agree, signals
from harka.web.middleware.request_scope import RequestScope
from harka.web.middleware.tenant_door import admit, let_in


async def visit(runtime: Runtime, request: RequestScope, headers: Headers) -> TenantContext:
    """The context of a stranger, whatever credentials they hold: a bad one must not keep them from a better.

    Raise `UnknownTenantError` at an address that is no organization's, `TenantSuspendedError`,
    `RateLimitedError`, `UnavailableError` when the catalog was never read.
    """
    snapshot = runtime.directory.current
    if not snapshot.loaded:
        raise UnavailableError
    host = signals(snapshot, headers, trusted=request.trusted).host
    request.record.tenant = host
    organization = agree(snapshot, host)
    await let_in(runtime, request, organization)
    request.record.actor = ANONYMOUS.kind
    return TenantContext(
        organization=organization, actor=ANONYMOUS, request_id=request.id, deadline=request.deadline
    )


async def known(runtime: Runtime, request: RequestScope, headers: Headers) -> TenantContext | None:
    """The context of who is signed in; None for who is not, or not any more."""
    try:
        context = await admit(runtime, request, headers)
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
