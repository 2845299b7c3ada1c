"""Requests that are refused because there are too many: nearly free, or refusing would be the overload.

A plain `POST /graphql` that came whole is looked at before anything is made for it: no task, no scope, no
line in the log. Whose it is says the catalog's snapshot, as for every request; its body is not read.
Everything else is refused further in, by the tenant door.

In each turn of the event loop only so many are refused: those that were let in come first.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

from harka import clock, logs
from harka.codec import json_bytes
from harka.errors import HarkaError, OverloadedError
from harka.metrics import OTHER
from harka.runtime import Runtime
from harka.tenancy.line import Flow
from harka.tenancy.resolution import Headers, signals
from harka.web.connection import lines_of
from harka.web.graphql_request import MediaType, fields_of, preferred
from harka.web.middleware.own_page import require_own_page
from harka.web.middleware.request_scope import RequestScopes, id_of
from harka.web.middleware.security_headers import lines_for
from harka.web.middleware.tenant_door import rank_of

log = logs.logger("web")

REFUSALS: Final = "harka.refusals"
"""Where the protocol finds them: in the state that an application hands its server at the start."""
_EVERY: Final = 1.0
"""Seconds between two lines in the log."""
_NAMED: Final = 5
_IN_A_TURN: Final = 32
_OFFERS: Final = (MediaType.JSON, MediaType.GRAPHQL)


class Refusals:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime, settings = runtime, runtime.settings
        self._scopes = RequestScopes(
            trusted_proxies=settings.trusted_proxies, timeout=settings.request_timeout
        )
        self._untold: Counter[UUID] = Counter()
        self._left = _IN_A_TURN
        self._later: deque[Callable[[], None]] = deque()
        # let through in this turn, and not yet at the gate: a task begins in the next one
        self._coming: dict[Flow, int] = {}
        self._next_turn: asyncio.Handle | None = None

    def refused(self, headers: Headers, client: tuple[str, int] | None) -> UUID | None:
        """The organization whose request there is no room for; None for whom there is.

        Who cannot be told, or is not let in, has the door's own answer coming.
        """
        gate = self._runtime.gate
        snapshot = self._runtime.directory.current
        if not gate.waiting or not snapshot.loaded:
            return None
        trusted = self._scopes.trusts(client)
        address = self._scopes.address_of(headers, client, trusted=trusted)
        try:
            said = signals(snapshot, headers, trusted=trusted)
            if said.session is not None:
                require_own_page(headers, trusted=trusted)
            credential = self._runtime.authenticator.authenticate(snapshot, said, clock.now(), address)
        except HarkaError:
            return None
        flow = gate.flow(credential.organization)
        coming = self._coming.get(flow, 0)
        if not gate.has_room(flow, rank_of(credential.actor, headers), coming):
            return credential.organization.id
        self._coming[flow] = coming + 1
        self._await_turn()
        return None

    def may_go_on(self) -> bool:
        """Whether one more may be refused in this turn of the loop; otherwise hand that to `later`."""
        self._await_turn()
        self._left -= 1
        return self._left >= 0

    def later(self, refuse: Callable[[], None]) -> None:
        """In one of the next turns, in order."""
        self._later.append(refuse)

    def answer(
        self, tenant: UUID, headers: Headers, scheme: str | None, client: tuple[str, int] | None
    ) -> bytes:
        """All of the answer but the status line and the server's own headers; it is counted."""
        self._note(tenant)
        trusted = self._scopes.trusts(client)
        media = preferred(fields_of(headers).get(b"accept", b"").decode("latin-1"), _OFFERS)
        type_, body = _WRITTEN[media or MediaType.JSON]
        id_ = id_of(headers, trusted=trusted).encode()
        length = b"%d\r\nx-request-id: " % (len(body) + len(id_) + len(_END))
        security = lines_for(scheme, headers, trusted=trusted)
        return b"".join((type_, length, id_, b"\r\n", security, b"\r\n", body, id_, _END))

    def _await_turn(self) -> None:
        if self._next_turn is None:
            self._next_turn = asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        held = min(len(self._later), _IN_A_TURN)
        self._left, self._next_turn = _IN_A_TURN - held, None
        self._coming.clear()
        for _ in range(held):
            self._later.popleft()()
        if self._later:
            self._await_turn()

    def _note(self, tenant: UUID) -> None:
        """Count it at once, and tell of it within a second, with all others."""
        self._runtime.metrics.observe_request(
            tenant=tenant, operation=OTHER, route="graphql", status=OverloadedError.status, seconds=0.0
        )
        if not self._untold:
            asyncio.get_running_loop().call_later(_EVERY, self._tell)
        self._untold[tenant] += 1

    def _tell(self) -> None:
        most = {str(tenant): number for tenant, number in self._untold.most_common(_NAMED)}
        log.warning("overloaded", refused=self._untold.total(), tenants=len(self._untold), most=most)
        self._untold.clear()


_END: Final = b'"}}]}'
"""What stands in the body behind the request's id."""


def _written(media: MediaType) -> tuple[bytes, bytes]:
    """The headers up to the body's length, and the body up to the request's id."""
    extensions = {**OverloadedError().extensions(), "requestId": ""}
    body = json_bytes({"errors": [{"message": OverloadedError.default_message(), "extensions": extensions}]})
    head = lines_of(((b"content-type", f"{media}; charset=utf-8".encode()), (b"retry-after", b"1")))
    return head + b"content-length: ", body.removesuffix(_END)


_WRITTEN: Final = {media: _written(media) for media in _OFFERS}
