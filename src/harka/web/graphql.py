"""The GraphQL endpoint: HTTP by its specification, server-sent events, the door of the WebSocket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka import clock
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
from harka.web.connection import while_connected
from harka.web.errors import error_headers, error_response
from harka.web.graphiql import graphiql
from harka.web.graphql_request import CLIENT_NAME, REPLAYED, MediaType, header, negotiate, read_request
from harka.web.listeners import Listeners, expire
from harka.web.middleware.request_scope import RequestScope, leave
from harka.web.middleware.tenant_door import identify, in_turn
from harka.web.sse import finish, once, send_events, tell
from harka.web.websocket import GraphQLSocket

POST_OFFERS: Final = (MediaType.JSON, MediaType.GRAPHQL, MediaType.EVENTS)
_OK: Final = 200
_UTF_8: Final = "; charset=utf-8"


class GraphQLEndpoint:
    """`POST`, `GET` and WebSocket at one path. HTTP came through the tenant door, a socket comes later."""

    def __init__(self, runtime: Runtime, engine: Engine, listeners: Listeners) -> None:
        self._runtime = runtime
        self._engine = engine
        self._listeners = listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await GraphQLSocket(self._runtime, self._engine, self._listeners, scope, receive, send).serve()
            return
        media = negotiate(header(scope, b"accept"), self._offers(scope))
        if media is MediaType.HTML:
            await graphiql()(scope, receive, send)
            return
        request: RequestScope = scope["harka"]
        try:
            prepared = await self._prepare(scope, receive, media)
            if media is MediaType.EVENTS:
                await self._stream(scope, receive, send, prepared)
                return
            answer = (
                prepared if isinstance(prepared, Answer) else await self._execute(scope, receive, prepared)
            )
            response = _response(answer, media)
            if scope["method"] == "GET":
                response = kept(response, answer, header(scope, b"if-none-match"))
        except HarkaError as error:
            request.record.code = error.code
            response = error_response(error, request.id)
            response.headers["content-type"] = (
                MediaType.JSON if media is MediaType.EVENTS else media
            ) + _UTF_8
        else:
            note(request, answer)
        await response(scope, receive, send)

    def _offers(self, scope: Scope) -> tuple[MediaType, ...]:
        if scope["method"] == "GET" and self._runtime.settings.graphiql:
            return *POST_OFFERS, MediaType.HTML
        return POST_OFFERS

    async def _prepare(self, scope: Scope, receive: Receive, media: MediaType) -> Prepared | Answer:
        request: RequestScope = scope["harka"]
        asked = await self._engine.named(await read_request(scope, receive), _tenant(request))
        prepared = prepare(self._engine, asked, scope, _tenant(request), media)
        if not isinstance(prepared, Answer) and prepared.operation.is_mutation and scope["method"] == "GET":
            raise MethodNotAllowedError("A mutation needs POST.", allow="POST")
        return prepared

    async def _execute(self, scope: Scope, receive: Receive, prepared: Prepared) -> Answer:
        work = self._engine.execute(prepared, _tenant(scope["harka"]))
        return await while_connected(
            scope, receive, in_turn(self._runtime, _tenant(scope["harka"]), scope["headers"], work)
        )

    async def _stream(self, scope: Scope, receive: Receive, send: Send, prepared: Prepared | Answer) -> None:
        request: RequestScope = scope["harka"]
        with contextlib.ExitStack() as socket:
            if isinstance(prepared, Prepared) and prepared.is_subscription:
                # it stays as a WebSocket does, and gives its place among what runs back: the plan bounds both
                admission = self._runtime.admission
                allowance = await admission.open_socket(_tenant(request).organization)
                socket.callback(admission.close_socket, allowance)
            answers = await self._answers(scope, receive, prepared)
            leave(request)
            ended = await self._send(scope, receive, send, answers)
        # the socket is free before the client hears of the end, and may come again at once
        if ended:
            await finish(send, complete=not (isinstance(answers, Answers) and answers.interrupted))

    async def _send(self, scope: Scope, receive: Receive, send: Send, answers: Any) -> bool:
        """Each answer as an event; whether the stream is to be finished, since the client is there still."""
        request: RequestScope = scope["harka"]
        limit = asyncio.timeout(None)
        try:
            async with contextlib.aclosing(answers), limit:
                with self._listeners.listening(request, scope["headers"], partial(expire, limit)):
                    return await send_events(_noted(request, answers), receive, send)
        except TimeoutError:
            if not limit.expired():
                raise
            refusal = failed(UnauthenticatedError(), request.id)
            note(request, refusal)
            await tell(send, refusal)
            return True

    async def _answers(self, scope: Scope, receive: Receive, prepared: Prepared | Answer) -> Any:
        request: RequestScope = scope["harka"]
        tenant = _tenant(request)
        if isinstance(prepared, Answer):
            return once(prepared)
        if not prepared.is_subscription:
            return once(await self._execute(scope, receive, prepared))

        async def listener() -> TenantContext:
            timeout = self._runtime.settings.request_timeout
            fresh = msgspec.structs.replace(request, deadline=clock.monotonic() + timeout)
            return await identify(self._runtime, fresh, scope["headers"])

        found = await self._engine.subscribe(prepared, tenant, listener)
        return once(found) if isinstance(found, Answer) else found


def _tenant(request: RequestScope) -> TenantContext:
    assert request.tenant is not None  # noqa: S101 - the tenant door is in front
    return request.tenant


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


def _response(answer: Answer, media: MediaType) -> Response:
    response = Response(body_of(answer, media), status_of(answer, media), media_type=media + _UTF_8)
    if answer.replayed:
        response.raw_headers.append(REPLAYED)
    if answer.failure is not None:
        response.headers.update(error_headers(answer.failure))
    return response


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
