"""First layer: names the request, sets its deadline, and hands both on in `scope["harka"]`."""

import functools
import ipaddress
import random
import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka import clock
from harka.errors import BadRequestError
from harka.fastpath import Lease
from harka.tenancy.context import TenantContext
from harka.tenancy.pools import ONE

DEADLINE: Final = b"x-request-deadline"

_PEERS: Final = 4096
_NO_PEER: Final = ("",)
_SECONDS: Final = re.compile(rb"[0-9]{1,9}(\.[0-9]{1,9})?")
# what proxies send in practice (UUIDs, ULIDs, W3C trace ids), and nothing that could forge a log line
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestRecord(msgspec.Struct):
    """What the access log and the metrics tell about a request; inner layers fill it in as they learn it.

    `actor`: an `ActorKind`. `operation`: the GraphQL operation's name. `statements`: repository statements
    sent. `code`: of the error answered with. `outage`: the status that an answer without any data deserves,
    whatever its media type lets it say; 0 for all others. `running`: where it counts as under way.
    """

    tenant: UUID | None = None
    actor: str = ""
    operation: str = ""
    statements: int = 0
    code: str = ""
    outage: int = 0
    running: Lease | None = None


class RequestScope(msgspec.Struct, frozen=True):
    """What is known of a request from its head.

    `deadline`: monotonic seconds. `trusted`: the peer is a configured proxy, its headers are believed.
    `address`: the client's, as far as it is known; empty on a Unix socket without a proxy. `tenant`: set by
    the tenant door, absent before it.
    """

    id: str
    deadline: float
    trusted: bool
    record: RequestRecord
    tenant: TenantContext | None = None
    address: str = ""


class RequestScopes:
    """Makes the `RequestScope` of each request of a process."""

    def __init__(self, *, trusted_proxies: str, timeout: float) -> None:
        """`trusted_proxies`: networks (CIDR) with commas between. `timeout`: seconds a request may take."""
        networks = trusted_networks(trusted_proxies)
        self._is_trusted = functools.lru_cache(_PEERS)(lambda peer: is_trusted(peer, networks))
        self._may_trust = bool(networks)
        self._timeout = timeout

    def trusts(self, client: tuple[str, int] | None) -> bool:
        """Whether this peer is a configured proxy."""
        # the port, another for each connection, says nothing
        return self._may_trust and self._is_trusted((client or _NO_PEER)[:1])

    def open(self, scope: Scope, since: float) -> RequestScope:
        """The scope of a request that came at `since` (monotonic seconds), put into its `scope["harka"]`."""
        client, headers = scope.get("client"), scope["headers"]
        trusted = self.trusts(client)
        request = RequestScope(
            id=(given_id(headers) if trusted else None) or new_request_id(),
            deadline=since + self._timeout,
            trusted=trusted,
            record=RequestRecord(),
            address=self.address_of(headers, client, trusted=trusted),
        )
        scope["harka"] = request
        return request

    def address_of(
        self, headers: Sequence[tuple[bytes, bytes]], client: tuple[str, int] | None, *, trusted: bool
    ) -> str:
        """The client's, as far as it is known. `client`: the peer, who is `trusted` or not."""
        peer = (client or _NO_PEER)[0]
        return self._behind(headers, peer) if trusted else peer

    def _behind(self, headers: Sequence[tuple[bytes, bytes]], proxy: str) -> str:
        """The last address that is none of our proxies: whatever stands before it may be invented."""
        given = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        for address in reversed([proxy, *filter(None, map(str.strip, given.split(",")))]):
            if not self._is_trusted((address,)):
                return address
        return proxy


def seconds_of(header: bytes) -> float:
    """What `X-Request-Deadline` says. Raise `BadRequestError` when it is none."""
    seconds = float(header) if _SECONDS.fullmatch(header) else 0.0
    if not seconds:
        raise BadRequestError("X-Request-Deadline must be seconds, more than 0.")
    return seconds


def hurried(request: RequestScope, header: bytes, since: float) -> RequestScope:
    """The request with the deadline that its client names, where that is sooner.

    `header`: of `X-Request-Deadline`, in seconds from `since` (monotonic). Raise like `seconds_of`.
    """
    deadline = since + seconds_of(header)
    return msgspec.structs.replace(request, deadline=deadline) if deadline < request.deadline else request


class RequestScopeMiddleware:
    def __init__(self, app: ASGIApp, *, trusted_proxies: str, timeout: float) -> None:
        self._app = app
        self._scopes = RequestScopes(trusted_proxies=trusted_proxies, timeout=timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request = self._scopes.open(scope, clock.monotonic())
        header = id_header(request)

        async def send_named(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                message["headers"] = [*message.get("headers", ()), header]
                if message["type"] == "http.response.start":
                    # the work is done: who reads slowly, or not at all, holds nothing of others
                    leave(request)
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            leave(request)


def leave(request: RequestScope) -> None:
    """What was admitted is no longer under way: it is answered, or only listens from now on."""
    running, request.record.running = request.record.running, None
    if running is not None:
        running.put(ONE)


def id_header(request: RequestScope) -> tuple[bytes, bytes]:
    return b"x-request-id", request.id.encode("ascii")


Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


def trusted_networks(text: str) -> Networks:
    """Raise ValueError when an item is not a network."""
    return tuple(ipaddress.ip_network(item.strip(), strict=False) for item in text.split(",") if item.strip())


def is_trusted(client: tuple[str, int] | tuple[str] | None, networks: Networks) -> bool:
    """Whether the peer of the connection itself is a configured proxy."""
    if client is None or not networks:
        return False
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return False
    return any(address in network for network in networks)


def given_id(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """What a proxy that is believed calls a request, where that is sane."""
    given = [value for name, value in headers if name == b"x-request-id"]
    return given[0].decode("ascii") if len(given) == 1 and _SANE_REQUEST_ID.fullmatch(given[0]) else None


def new_request_id() -> str:
    """Unique, not secret: the system's generator would cost a system call a request."""
    return "%032x" % random.getrandbits(128)  # noqa: UP031 - half the time of an f-string
