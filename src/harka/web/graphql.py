"""The GraphQL endpoint: HTTP by its specification, server-sent events, the door of the WebSocket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.codec import json_bytes
from harka.errors import (
    BadRequestError,
    HarkaError,
    MethodNotAllowedError,
    NotAcceptableError,
    UnauthenticatedError,
)
from harka.graph.answer import Answer, Answers, failed
from harka.graph.execution import Engine
from harka.graph.request import Prepared, Request
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.client_cache import kept
from harka.web.connection import ARRIVED, CONNECTION, while_connected
from harka.web.errors import error_headers, error_response
from harka.web.graphiql import graphiql
from harka.web.graphql_request import (
    CLIENT_NAME,
    REPLAYED,
    MediaType,
    asked_of,
    header,
    negotiate,
    read_body,
)
from harka.web.listeners import Listeners, expire
from harka.web.middleware.request_scope import RequestScope, leave
from harka.web.middleware.tenant_door import admitted, listening, recognized, require_room
from harka.web.sse import finish, once, send_events, tell
from harka.web.websocket import GraphQLSocket
from harka.web.whole_body import whole_body

POST_OFFERS: Final = (MediaType.JSON, MediaType.GRAPHQL, MediaType.EVENTS)
_OK: Final = 200
_UTF_8: Final = "; charset=utf-8"


class GraphQLEndpoint:
    """`POST`, `GET` and WebSocket at one path, behind the host door: who asks is looked up with a place."""

    def __init__(self, runtime: Runtime, engine: Engine, listeners: Listeners) -> None:
        self._runtime = runtime
        self._engine = engine
        self._listeners = listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await GraphQLSocket(self._runtime, self._engine, self._listeners, scope, receive, send).serve()
            return
        body = await self._body(scope, receive)
        async with contextlib.AsyncExitStack() as opened:
            media, found = await while_connected(scope, receive, self._found(scope, body, opened))
            if media is not MediaType.EVENTS or isinstance(found, HarkaError):
                assert not isinstance(found, Answers)  # noqa: S101 - see `prepare`
                await _response(scope, media, found)(scope, receive, send)
                return
            ended = await self._stream(scope, receive, send, found)
        # the socket is free before the client hears of the end, and may come again at once
        if ended:
            await finish(send, complete=not (isinstance(found, Answers) and found.interrupted))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Of a POST, whole before it is counted and takes a place."""
        if scope["method"] != "POST":
            return b""
        if ARRIVED in scope:
            return await read_body(receive)
        runtime, headers = self._runtime, scope["headers"]
        credential = recognized(runtime, scope["harka"], headers)
        require_room(runtime, credential.organization, credential.actor, headers)
        return await whole_body(runtime, receive, credential.organization, credential.actor)

    async def _found(
        self, scope: Scope, body: bytes, opened: contextlib.AsyncExitStack
    ) -> tuple[MediaType, Answer | Answers | HarkaError | None]:
        """What to tell, with a place, and as what; None for the page. `opened`: what ends with a stream.

        Raise like `recognized`, and `NotAcceptableError`.
        """
        request: RequestScope = scope["harka"]
        credential = recognized(self._runtime, request, scope["headers"])
        media = negotiate(header(scope, b"accept"), self._offers(scope))
        if media is MediaType.HTML:
            return media, None
        try:
            async with admitted(self._runtime, request, credential, scope["headers"]) as tenant:
                return media, await self._answer(scope, body, tenant, media, opened)
        except HarkaError as error:
            request.record.code = error.code
            return media, error

    def _offers(self, scope: Scope) -> tuple[MediaType, ...]:
        if scope["method"] == "GET" and self._runtime.settings.graphiql:
            return *POST_OFFERS, MediaType.HTML
        return POST_OFFERS

    async def _answer(
        self,
        scope: Scope,
        body: bytes,
        tenant: TenantContext,
        media: MediaType,
        opened: contextlib.AsyncExitStack,
    ) -> Answer | Answers:
        asked = await self._engine.named(asked_of(scope, body), tenant)
        prepared = prepare(self._engine, asked, scope, tenant, media)
        if isinstance(prepared, Answer):
            return prepared
        if prepared.operation.is_mutation and scope["method"] == "GET":
            raise MethodNotAllowedError("A mutation needs POST.", allow="POST")
        if not prepared.is_subscription:
            return await self._engine.execute(prepared, tenant)
        # it stays as a WebSocket does, and gives its place among what runs back: the plan bounds both
        admission = self._runtime.admission
        opened.callback(admission.close_socket, await admission.open_socket(tenant.organization))
        listener = partial(listening, self._runtime, scope["harka"], scope["headers"])
        found = await self._engine.subscribe(prepared, tenant, listener)
        if isinstance(found, Answers):
            opened.push_async_callback(found.aclose)
        return found

    async def _stream(self, scope: Scope, receive: Receive, send: Send, found: Any) -> bool:
        """Each answer as an event; whether the stream is to be finished, since the client is there still."""
        request: RequestScope = scope["harka"]
        leave(request)
        answers: AsyncIterator[Answer] = once(found) if isinstance(found, Answer) else found
        limit = asyncio.timeout(None)
        try:
            async with limit:
                with self._listeners.listening(request, scope["headers"], partial(expire, limit)):
                    connection = scope.get(CONNECTION)
                    return await send_events(_noted(request, answers), receive, send, connection)
        except TimeoutError:
            if not limit.expired():
                raise
            refusal = failed(UnauthenticatedError(), request.id)
            note(request, refusal)
            await tell(send, refusal)
            return True


def prepare(
    engine: Engine, asked: Request, scope: Scope, tenant: TenantContext, media: MediaType
) -> Prepared | Answer:
    """The operation, now on record, or the answer that refuses it.

    Raise `NotAcceptableError` for a subscription whose events cannot be answered with.
    """
    prepared = engine.prepare(asked, tenant)
    if isinstance(prepared, Answer):
        return prepared
    operation = prepared.operation
    scope["harka"].record.operation = operation.name
    if operation.deprecated or operation.old_variables:
        engine.count_deprecated(prepared, tenant, header(scope, CLIENT_NAME))
    if prepared.is_subscription and media is not MediaType.EVENTS:
        raise NotAcceptableError("A subscription needs a WebSocket, or Accept: text/event-stream.")
    return prepared


def _response(scope: Scope, media: MediaType, found: Answer | HarkaError | None) -> Response:
    request: RequestScope = scope["harka"]
    if found is None:
        return graphiql()
    if isinstance(found, HarkaError):
        response = error_response(found, request.id)
        response.headers["content-type"] = (MediaType.JSON if media is MediaType.EVENTS else media) + _UTF_8
        return response
    note(request, found)
    response = Response(body_of(found, media), status_of(found, media), media_type=media + _UTF_8)
    if found.replayed:
        response.raw_headers.append(REPLAYED)
    if found.failure is not None:
        response.headers.update(error_headers(found.failure))
    return kept(response, found, header(scope, b"if-none-match")) if scope["method"] == "GET" else response


def body_of(answer: Answer, media: MediaType) -> bytes:
    """By the specification data that are not null have a status of 2xx: an outage has none (0008)."""
    if answer.outage is not None and media is MediaType.GRAPHQL:
        return json_bytes({**answer.body, "data": None})
    return answer.json()


def status_of(answer: Answer, media: MediaType) -> int:
    """By the specification `application/json` says 200 to whatever is well-formed GraphQL over HTTP."""
    failure = answer.failure
    if answer.outage is not None and media is MediaType.GRAPHQL:
        failure = answer.outage
    if failure is None or (media is MediaType.JSON and isinstance(failure, BadRequestError)):
        return _OK
    return failure.status


def note(request: RequestScope, answer: Answer) -> None:
    request.record.code = answer.code
    request.record.statements += answer.statements
    request.record.outage = 0 if answer.outage is None else answer.outage.status


async def _noted(request: RequestScope, answers: AsyncIterator[Answer]) -> AsyncIterator[Answer]:
    async for answer in answers:
        note(request, answer)
        yield answer
