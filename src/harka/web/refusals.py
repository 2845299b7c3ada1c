"""Requests that are refused because there are too many: nearly free, or refusing would be the overload.

A plain `POST /graphql` that came whole is looked at before anything is made for it: no task, no scope, no
line in the log. Whose it is says the catalog's snapshot, as for every request; its body is not read.
Everything else is refused further in, by the tenant door.

Who is refused and tries again does so with the same head, unless a proxy names each request: it is kept
whose a head was, while the snapshot is, and for some seconds. That lets nobody in: who is let in is looked at
anew.

In each turn of the event loop only so many are refused: those that were let in come first.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from harka import clock, logs
from harka.auth.remembered import Remembered
from harka.codec import json_bytes
from harka.errors import HarkaError, OverloadedError
from harka.metrics import OTHER
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.line import Flow, Rank
from harka.tenancy.resolution import Headers, signals
from harka.web.connection import lines_of
from harka.web.graphql_request import MediaType, fields_of, preferred
from harka.web.middleware.own_page import require_own_page
from harka.web.middleware.request_scope import RequestScopes, given_id, new_request_id
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
_HEAD_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 2048
_MOST_CALLERS: Final = 4096
_KEPT: Final = 10.0
"""Seconds: whose credentials have ended meanwhile is told so when it is not refused."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose requests with one head are, from one address. `length`: of their bodies.

    `id`: that a proxy gives each of them. `before`, `after`: parts of the answer, each followed by the id.
    """

    organization: Organization
    rank: Rank
    length: int
    id: bytes | None
    before: bytes
    after: bytes


class Refusals:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime, settings = runtime, runtime.settings
        self._gate = runtime.gate
        self._scopes = RequestScopes(
            trusted_proxies=settings.trusted_proxies, timeout=settings.request_timeout
        )
        self._untold: Counter[UUID] = Counter()
        self._left = _IN_A_TURN
        self._later: deque[Callable[[], None]] = deque()
        # let through in this turn, and not yet at the gate: a task begins in the next one
        self._coming: dict[Flow, int] = {}
        self._next_turn: asyncio.Handle | None = None
        self._callers: Remembered[Caller] = Remembered(_MOST_CALLERS)
        self._snapshot, self._forget_at = runtime.directory.current, 0.0

    @property
    def are_due(self) -> bool:
        """Whether anybody could be refused now."""
        return self._gate.waiting > 0

    def known(self, data: bytes, client: tuple[str, int] | None) -> Caller | None:
        """Who asks, where one whole request is all of `data` and its head has come before."""
        end = data.find(_HEAD_END, 0, _LONGEST_HEAD) + len(_HEAD_END)
        if end < len(_HEAD_END) or not self._is_current():
            return None
        caller = self._callers.find(_shown(data[:end], client))
        return caller if caller is not None and len(data) - end == caller.length else None

    def learn(
        self, head: bytes, headers: Headers, length: int, scheme: str | None, client: tuple[str, int] | None
    ) -> Caller | None:
        """Who asks; None for who cannot be told, or is not let in: the door's own answer is coming.

        `length`: of the body.
        """
        snapshot = self._runtime.directory.current
        if not snapshot.loaded:
            return None
        self._is_current()
        trusted = self._scopes.trusts(client)
        address = self._scopes.address_of(headers, client, trusted=trusted)
        try:
            said = signals(snapshot, headers, trusted=trusted)
            if said.session is not None:
                require_own_page(headers, trusted=trusted)
            credential = self._runtime.authenticator.authenticate(snapshot, said, clock.now(), address)
        except HarkaError:
            return None
        rank = rank_of(credential.actor, headers)
        caller = _caller(credential.organization, rank, headers, length, scheme, trusted=trusted)
        # a proxy that names each request makes each head another
        if caller.id is None and len(head) <= _LONGEST_HEAD:
            self._callers.keep(_shown(head, client), caller)
        return caller

    def refuses(self, caller: Caller) -> bool:
        """Whether there is no room for one more request of theirs; otherwise it is expected at the gate."""
        flow = self._gate.flow(caller.organization)
        coming = self._coming.get(flow, 0)
        if not self._gate.has_room(flow, caller.rank, coming):
            return True
        self._coming[flow] = coming + 1
        self._await_turn()
        return False

    def may_go_on(self) -> bool:
        """Whether one more may be refused in this turn of the loop; otherwise hand that to `later`."""
        self._await_turn()
        self._left -= 1
        return self._left >= 0

    def later(self, refuse: Callable[[], None]) -> None:
        """In one of the next turns, in order."""
        self._later.append(refuse)

    def answer(self, caller: Caller) -> bytes:
        """All of the answer but the status line and the server's own headers; it is counted."""
        self._note(caller.organization.id)
        id_ = caller.id or new_request_id().encode()
        return b"".join((caller.before, id_, caller.after, id_, _END))

    def _is_current(self) -> bool:
        """Whether what is kept holds still; otherwise it is forgotten."""
        now, snapshot = clock.monotonic(), self._runtime.directory.current
        if snapshot is self._snapshot and now < self._forget_at:
            return True
        self._callers.forget()
        self._snapshot, self._forget_at = snapshot, now + _KEPT
        return False

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


def _shown(head: bytes, client: tuple[str, int] | None) -> bytes:
    """What is shown with a request, and from where: a key may ask for that, and a proxy is believed."""
    return head + client[0].encode() if client else head


def _caller(
    organization: Organization,
    rank: Rank,
    headers: Headers,
    length: int,
    scheme: str | None,
    *,
    trusted: bool,
) -> Caller:
    """With the answer that they get, written out."""
    media = preferred(fields_of(headers).get(b"accept", b"").decode("latin-1"), _OFFERS)
    head, body = _WRITTEN[media or MediaType.JSON]
    given = given_id(headers, trusted=trusted)
    id_ = None if given is None else given.encode()
    size = len(body) + len(id_ or new_request_id()) + len(_END)
    return Caller(
        organization=organization,
        rank=rank,
        length=length,
        id=id_,
        before=head + b"%d\r\nx-request-id: " % size,
        after=b"\r\n" + lines_for(scheme, headers, trusted=trusted) + b"\r\n" + body,
    )


def _written(media: MediaType) -> tuple[bytes, bytes]:
    """The headers up to the body's length, and the body up to the request's id."""
    extensions = {**OverloadedError().extensions(), "requestId": ""}
    body = json_bytes({"errors": [{"message": OverloadedError.default_message(), "extensions": extensions}]})
    head = lines_of(((b"content-type", f"{media}; charset=utf-8".encode()), (b"retry-after", b"1")))
    return head + b"content-length: ", body.removesuffix(_END)


_WRITTEN: Final = {media: _written(media) for media in _OFFERS}
