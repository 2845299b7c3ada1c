"""`POST /graphql`, which is nearly every request: all that the layers of `routes` do, in one coroutine.

The order is theirs, and so are the functions; only the closures around `receive` and `send` are not made, and
the answer is two messages. Who has waited at the protocol had its place before it is counted (`turn`). A body
that is still to come is read before either: whoever sends none holds nothing of others.
Everything else goes through the layers, and so does whoever accepts a stream of events: they cost nothing
beside the stream.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from harka import clock
from harka.errors import HarkaError, NotAcceptableError, PayloadTooLargeError
from harka.graph.answer import Answer
from harka.graph.execution import Engine
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.connection import ANSWER, ARRIVED, WORKER, carried, lines_of, while_connected
from harka.web.errors import error_body, error_headers, masked
from harka.web.graphql import POST_OFFERS, body_of, note, prepare, status_of
from harka.web.graphql_request import (
    REPLAYED,
    MediaType,
    completed,
    fields_of,
    preferred,
    request_from,
    require_json,
)
from harka.web.middleware.access_log import CLIENT_GONE, tell
from harka.web.middleware.body_limit import Body, require_length
from harka.web.middleware.failures import GONE, recorded
from harka.web.middleware.request_scope import (
    DEADLINE,
    RequestScope,
    RequestScopes,
    hurried,
    id_header,
    leave,
)
from harka.web.middleware.security_headers import security_headers, security_lines
from harka.web.middleware.tenant_door import context_for, count, rank_of, recognized, require_room
from harka.web.turn import TURN, Turn
from harka.web.whole_body import whole_body

PATH: Final = "/graphql"

Header = tuple[bytes, bytes]
Fields = dict[bytes, bytes]


class _Reply(msgspec.Struct, frozen=True, gc=False):
    status: int
    type: Header
    body: bytes
    more: Sequence[Header] = ()


_TYPES: Final = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in MediaType}
_PLAIN_JSON: Final = (b"content-type", b"application/json")


class GraphQLPost:
    def __init__(self, runtime: Runtime, engine: Engine, layers: ASGIApp) -> None:
        """`layers`: the application for all other requests."""
        settings = runtime.settings
        self._runtime = runtime
        self._engine = engine
        self._layers = layers
        self._limit = settings.max_body_bytes
        self._scopes = RequestScopes(
            trusted_proxies=settings.trusted_proxies, timeout=settings.request_timeout
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != PATH:
            await self._layers(scope, receive, send)
            return
        fields = fields_of(scope["headers"])
        media = preferred(fields.get(b"accept", b"").decode("latin-1"), POST_OFFERS)
        if media is MediaType.EVENTS:
            await self._layers(scope, receive, send)
            return
        turn: Turn | None = scope.get(TURN)
        began, status = clock.monotonic() if turn is None else turn.since, CLIENT_GONE
        request = self._scopes.open(scope, began)
        try:
            if DEADLINE in fields:
                scope["harka"] = hurried(request, fields[DEADLINE], began)
            reply = await self._reply(scope, receive, fields, media, turn)
            status = reply.status
            leave(request)
            await _send(scope, send, request, reply)
        except ClientDisconnect:
            request.record.code = GONE
        except Exception as error:  # noqa: BLE001 - whatever a room below raises, the client gets an answer
            shown = recorded(scope, error)
            if status == CLIENT_GONE:
                status = shown.status
                reply = _refusal(shown, request, _PLAIN_JSON)
                leave(request)
                await _send(scope, send, request, reply)
        finally:
            leave(request)
            seconds = clock.monotonic() - began
            tell(
                self._runtime.metrics, request, method="POST", route="graphql", status=status, seconds=seconds
            )

    async def _reply(
        self, scope: Scope, receive: Receive, fields: Fields, media: MediaType | None, turn: Turn | None
    ) -> _Reply:
        require_length(fields.get(b"content-length"), self._limit)
        runtime, request, gate = self._runtime, scope["harka"], self._runtime.gate
        credential = recognized(runtime, request, scope["headers"])
        if turn is None:
            require_room(runtime, credential.organization, credential.actor, scope["headers"])
        else:
            turn.raise_error()
        body = scope.get(ARRIVED)
        if body is None:
            receiving = Body(request, receive, self._limit).receive
            body = await whole_body(runtime, receiving, credential.organization, credential.actor)
            # again, by what is true now: a body may take as long as a request may
            credential = recognized(runtime, request, scope["headers"])
            require_room(runtime, credential.organization, credential.actor, scope["headers"])
        elif len(body) > self._limit:
            raise PayloadTooLargeError
        await count(runtime, request, credential, turn)
        place = None if turn is None else turn.place_of(credential.organization)
        flow, began = (gate.flow(credential.organization), clock.monotonic()) if place is None else place
        enters = place is None and gate.enter(flow)
        if place is None and not enters:
            rank = rank_of(credential.actor, scope["headers"])
            began = await while_connected(scope, receive, gate.wait(flow, rank, request.deadline))
        try:
            if enters and gate.is_crowded():
                await asyncio.sleep(0)
            tenant = await carried(scope, context_for(runtime, request, credential))
            return await self._answered(scope, receive, fields, media, tenant, body)
        finally:
            gate.leave(flow, began)

    async def _answered(
        self,
        scope: Scope,
        receive: Receive,
        fields: Fields,
        media: MediaType | None,
        tenant: TenantContext,
        body: bytes,
    ) -> _Reply:
        request: RequestScope = scope["harka"]
        if media is None:
            raise NotAcceptableError
        try:
            require_json(
                fields.get(b"content-type", b"").decode("latin-1"),
                fields.get(b"content-encoding", b"").decode("latin-1"),
            )
            asked = completed(request_from(body), fields)
            if asked.persisted is not None:
                asked = await self._engine.named(asked, tenant)
            answer = prepare(self._engine, asked, scope, tenant, media)
            if not isinstance(answer, Answer):
                answer = await while_connected(
                    scope, receive, self._engine.execute(answer, tenant, scope.get(WORKER))
                )
            reply = _Reply(status_of(answer, media), _TYPES[media], body_of(answer, media), _more(answer))
        except HarkaError as error:
            request.record.code = error.code
            return _refusal(masked(error), request, _TYPES[media])
        note(request, answer)
        return reply


def _more(answer: Answer) -> Sequence[Header]:
    """Headers of an answer that most do not have."""
    if answer.failure is not None:
        return _of_failure(answer.failure)
    return (REPLAYED,) if answer.replayed else ()


def _refusal(shown: HarkaError, request: RequestScope, type_: Header) -> _Reply:
    return _Reply(shown.status, type_, error_body(shown, request.id), _of_failure(shown))


def _of_failure(shown: HarkaError) -> Sequence[Header]:
    return [(name.lower().encode(), value.encode()) for name, value in error_headers(shown).items()]


def _send(scope: Scope, send: Send, request: RequestScope, reply: _Reply) -> Awaitable[None]:
    answer = scope.get(ANSWER)
    if answer is None:
        return _send_messages(scope, send, request, reply)
    own = b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b"
    told = reply.type[1], len(reply.body), request.id.encode("ascii"), security_lines(scope)
    lines = own % told
    sent: Awaitable[None] = answer(
        reply.status, lines + lines_of(reply.more) if reply.more else lines, reply.body
    )
    return sent


async def _send_messages(scope: Scope, send: Send, request: RequestScope, reply: _Reply) -> None:
    length = b"content-length", b"%d" % len(reply.body)
    headers = [reply.type, length, id_header(request), *reply.more, *security_headers(scope)]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
