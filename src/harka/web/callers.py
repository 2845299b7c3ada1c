"""Whose a request is, by its head alone, and how they are refused: for `refusals`.

Who is refused and tries again does so with the same head, unless a proxy names each request: it is kept
whose a head was, while the catalog's snapshot is, to which one looks in each turn of the event loop, and for
some seconds. That lets nobody in: who is let in is looked at anew.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from harka import clock
from harka.auth.remembered import Remembered
from harka.codec import json_bytes
from harka.errors import BadRequestError, HarkaError, OverloadedError
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.line import Rank
from harka.tenancy.resolution import Headers, signals
from harka.web.connection import lines_of
from harka.web.graphql import POST_OFFERS
from harka.web.graphql_request import MediaType, fields_of, preferred
from harka.web.middleware.own_page import require_own_page
from harka.web.middleware.request_scope import (
    DEADLINE,
    RequestScopes,
    given_id,
    new_request_id,
    seconds_of,
)
from harka.web.middleware.security_headers import lines_for
from harka.web.middleware.tenant_door import rank_of

_OFFERS: Final = (MediaType.JSON, MediaType.GRAPHQL)
BEGINNING: Final = STATUS_LINE[OverloadedError.status]
"""Of each refusal."""
END: Final = b'"}}]}'
"""What stands in the body behind the request's id."""
_HEAD_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 2048
_MOST_CALLERS: Final = 4096
_KEPT: Final = 10.0
"""Seconds: whose credentials have ended meanwhile is told so when it has its place."""


class Caller(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Whose requests with one head are, from one address. `length`: of their bodies.

    `within`: seconds until they want an answer; 0 for who does not wait for a place: they want a stream of
    events, or name a deadline that is none. `id`: that a proxy gives each of them. `before`, `after`: parts
    of a refusal, each followed by the id.
    """

    organization: Organization
    rank: Rank
    length: int
    within: float
    id: bytes | None
    before: bytes
    after: bytes

    def refusal(self, lines: bytes) -> bytes:
        """Their whole answer. `lines`: the server's own headers."""
        id_ = self.id or new_request_id().encode()
        return b"".join((BEGINNING, lines, self.before, id_, self.after, id_, END))


class Callers:
    """Of one process."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._directory, self._authenticator = runtime.directory, runtime.authenticator
        self._scopes = RequestScopes(
            trusted_proxies=settings.trusted_proxies, timeout=settings.request_timeout
        )
        self._timeout = settings.request_timeout
        self._remembered: Remembered[Caller] = Remembered(_MOST_CALLERS)
        self._snapshot, self._forget_at = runtime.directory.current, 0.0

    def forget_outdated(self) -> bool:
        """To be called in each turn of the event loop, before anybody is looked for. Whether all are."""
        now, snapshot = clock.monotonic(), self._directory.current
        if snapshot is self._snapshot and now < self._forget_at:
            return False
        self._remembered.forget()
        self._snapshot, self._forget_at = snapshot, now + _KEPT
        return True

    def known(self, data: bytes, client: tuple[str, int] | None) -> Caller | None:
        """Who asks, where one whole request is all of `data` and its head has come before.

        As `forget_outdated` was called last.
        """
        end = data.find(_HEAD_END, 0, _LONGEST_HEAD) + len(_HEAD_END)
        if end < len(_HEAD_END):
            return None
        caller = self._remembered.find(_shown(data[:end], client))
        return caller if caller is not None and len(data) - end == caller.length else None

    def learn(
        self, head: bytes, headers: Headers, length: int, scheme: str | None, client: tuple[str, int] | None
    ) -> Caller | None:
        """Who asks; None for who cannot be told, or is not let in: the door's own answer is coming.

        `length`: of the body.
        """
        snapshot = self._directory.current
        if not snapshot.loaded:
            return None
        trusted = self._scopes.trusts(client)
        address = self._scopes.address_of(headers, client, trusted=trusted)
        try:
            said = signals(snapshot, headers, trusted=trusted)
            if said.session is not None:
                require_own_page(headers, trusted=trusted)
            credential = self._authenticator.authenticate(snapshot, said, clock.now(), address)
        except HarkaError:
            return None
        rank = rank_of(credential.actor, headers)
        caller = _made(credential.organization, rank, self._timeout, headers, length, scheme, trusted=trusted)
        # a proxy that names each request makes each head another
        if caller.id is None and len(head) <= _LONGEST_HEAD:
            self._remembered.keep(_shown(head, client), caller)
        return caller


def _shown(head: bytes, client: tuple[str, int] | None) -> bytes:
    """What is shown with a request, and from where: a key may ask for that, and a proxy is believed."""
    return head + client[0].encode() if client else head


def _made(
    organization: Organization,
    rank: Rank,
    timeout: float,
    headers: Headers,
    length: int,
    scheme: str | None,
    *,
    trusted: bool,
) -> Caller:
    """With the refusal that they would get, written out."""
    fields = fields_of(headers)
    accept = fields.get(b"accept", b"").decode("latin-1")
    media = preferred(accept, _OFFERS)
    head, body = _WRITTEN[media or MediaType.JSON]
    given = given_id(headers) if trusted else None
    id_ = None if given is None else given.encode()
    size = len(body) + len(id_ or new_request_id()) + len(END)
    return Caller(
        organization=organization,
        rank=rank,
        length=length,
        within=0.0 if preferred(accept, POST_OFFERS) is MediaType.EVENTS else _within(fields, timeout),
        id=id_,
        before=head + b"%d\r\nx-request-id: " % size,
        after=b"\r\n" + lines_for(scheme, headers, trusted=trusted) + b"\r\n" + body,
    )


def _within(fields: Mapping[bytes, bytes], timeout: float) -> float:
    if DEADLINE not in fields:
        return timeout
    try:
        return min(seconds_of(fields[DEADLINE]), timeout)
    except BadRequestError:
        return 0.0


def _written(media: MediaType) -> tuple[bytes, bytes]:
    """The headers up to the body's length, and the body up to the request's id."""
    extensions = {**OverloadedError().extensions(), "requestId": ""}
    body = json_bytes({"errors": [{"message": OverloadedError.default_message(), "extensions": extensions}]})
    head = lines_of(((b"content-type", f"{media}; charset=utf-8".encode()), (b"retry-after", b"1")))
    return head + b"content-length: ", body.removesuffix(END)


_WRITTEN: Final = {media: _written(media) for media in _OFFERS}
