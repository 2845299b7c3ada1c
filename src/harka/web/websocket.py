"""GraphQL over a WebSocket, by the graphql-transport-ws protocol alone.

Docs: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. The older `graphql-ws` subprotocol is
not spoken: it lets a client subscribe before it has said who it is (CVE-2026-35523). Each operation is
admitted afresh, as a request of its own would be, so a revoked key is refused from then on, and the socket of
whoever may not come in any more is closed (`web.listeners`).

`X-Request-Deadline` and `Priority`, of the handshake or in the payload of `connection_init`, are of each
operation, from when it comes. One says otherwise by `extensions: {"deadline": seconds, "priority": "u=7"}`,
of which the deadline can only be sooner.
"""

import asyncio
import contextlib
import math
import secrets
from collections.abc import AsyncGenerator, Coroutine, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from harka import clock, logs
from harka.codec import JsonDecodeError, from_json, json_bytes
from harka.errors import BadRequestError, DocumentLimitError, ForbiddenError, HarkaError, RateLimitedError
from harka.graph.answer import Answer, Answers, failed
from harka.graph.execution import Engine
from harka.graph.request import Request
from harka.runtime import Runtime
from harka.tenancy.context import ActorKind, TenantContext
from harka.tenancy.resolution import Headers, signals
from harka.web.connection import stopped
from harka.web.graphql_request import CLIENT_NAME, fields_of, request_of
from harka.web.listeners import Listeners, expire
from harka.web.middleware.request_scope import DEADLINE, RequestRecord, RequestScope, leave, seconds_of
from harka.web.middleware.tenant_door import admitted, listening, recognized

log = logs.logger("socket")

PROTOCOL: Final = "graphql-transport-ws"
INIT_SECONDS: Final = 10.0
MOST_OPERATIONS: Final = 50
"""At the same time on one socket."""

_PRIORITY: Final = b"priority"
_SENT_AS_PAYLOAD: Final = (
    "authorization",
    "x-api-key",
    CLIENT_NAME.decode(),
    DEADLINE.decode(),
    _PRIORITY.decode(),
)
_OK: Final = 200
_REASON_BYTES: Final = 123
_TOLD: Final = ("code", "resource", "limit", "retryAfter")
_TOO_BIG: Final = 1009
_BAD_REQUEST: Final = 4400
_UNAUTHORIZED: Final = 4401
_PROTOCOL_NOT_ACCEPTABLE: Final = 4406
_INIT_TIMEOUT: Final = 4408
_ALREADY_EXISTS: Final = 4409
_INIT_AGAIN: Final = 4429
# what the protocol does not number is numbered after its HTTP status
_STATUS_BASE: Final = 4000


class _CloseError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class GraphQLSocket:
    """One connection. The host is known to be one of ours; who asks is said in `connection_init`."""

    def __init__(
        self,
        runtime: Runtime,
        engine: Engine,
        listeners: Listeners,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._runtime = runtime
        self._engine = engine
        self._listeners = listeners
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request: RequestScope = scope["harka"]
        self._headers: Headers | None = None
        self._seconds = runtime.settings.request_timeout  # for each operation
        # on what the client may still send; of who is admitted there is none, until they are dismissed
        self._limit = asyncio.timeout(INIT_SECONDS)
        self._admission = contextlib.ExitStack()
        # what came, or is to come, after a message that is worked on for longer
        self._following: asyncio.Future[Message] | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the client leaves, breaks the protocol, or is sent away."""
        await self._receive()
        try:
            await self._accept()
            async with self._limit:
                while (message := await self._next())["type"] != "websocket.disconnect":
                    await self._take(message)
        except ClientDisconnect:
            # while it was let in
            pass
        except _CloseError as error:
            await self._close(error.code, error.reason)
        except TimeoutError:
            if not self._limit.expired():
                raise
            if self._headers is None:
                await self._close(_INIT_TIMEOUT, "Connection initialisation timeout")
            else:
                await self._close(_UNAUTHORIZED, "Unauthorized")
        finally:
            self._admission.close()
            if self._following is not None:
                await stopped(self._following)
            await self._stop()

    async def _next(self) -> Message:
        following, self._following = self._following, None
        return await (following or self._receive())

    async def _accept(self) -> None:
        spoken = PROTOCOL in self._scope["subprotocols"]
        # accepted even so: a browser tells its page nothing about a handshake that was refused
        try:
            await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None})
        except OSError:
            # it has left already
            raise ClientDisconnect from None
        if not spoken:
            raise _CloseError(_PROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")

    async def _take(self, message: Any) -> None:
        decoded = self._decoded(message)
        match decoded.get("type"):
            case "connection_init":
                await self._initialize(decoded.get("payload"))
            case "ping":
                await self._say({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(decoded)
            case "complete":
                self._cancel(decoded.get("id"))
            case _:
                raise _CloseError(_BAD_REQUEST, "Unknown message type")

    def _decoded(self, message: Any) -> dict[str, Any]:
        text = message.get("text")
        if not isinstance(text, str):
            raise _CloseError(_BAD_REQUEST, "Messages must be text")
        if len(text) > self._runtime.settings.max_body_bytes:
            raise _CloseError(_TOO_BIG, "Message too big")
        try:
            decoded = from_json(text)
        except JsonDecodeError:
            raise _CloseError(_BAD_REQUEST, "Messages must be valid JSON") from None
        if not isinstance(decoded, dict):
            raise _CloseError(_BAD_REQUEST, "Messages must be JSON objects")
        return decoded

    async def _initialize(self, payload: Any) -> None:
        if self._headers is not None:
            raise _CloseError(_INIT_AGAIN, "Too many initialisation requests")
        if not isinstance(payload, dict | None):
            raise _CloseError(_BAD_REQUEST, "Invalid connection_init payload")
        headers = [*self._scope["headers"], *_headers(payload or {})]
        try:
            self._seconds = _least_seconds(headers, self._seconds)
            self._require_same_origin(headers)
            await self._while_there(self._admit(headers))
        except HarkaError as error:
            self._request.record.code = error.code
            raise _CloseError(_STATUS_BASE + error.status, _reason(error)) from None
        finally:
            leave(self._request)
        self._headers = headers
        self._limit.reschedule(None)
        self._admission.enter_context(
            self._listeners.listening(self._request, headers, partial(expire, self._limit))
        )
        await self._say({"type": "connection_ack"})

    async def _admit(self, headers: Headers) -> None:
        request = msgspec.structs.replace(self._request, deadline=clock.monotonic() + self._seconds)
        admission = self._runtime.admission
        credential = recognized(self._runtime, request, headers)
        async with admitted(self._runtime, request, credential, headers) as tenant:
            self._admission.callback(admission.close_socket, await admission.open_socket(tenant.organization))

    async def _while_there(self, work: Coroutine[Any, Any, None]) -> None:
        """Raise `ClientDisconnect` once `work` has ended, when the client leaves. What else it says waits."""
        working = asyncio.ensure_future(work)
        following = self._following = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({working, following}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done() and following.result()["type"] == "websocket.disconnect":
                raise ClientDisconnect
            await working
        finally:
            await stopped(working)

    def _require_same_origin(self, headers: Headers) -> None:
        """A browser sends its cookie along whoever's page opened the socket: then the page must be ours."""
        said = signals(self._runtime.directory.current, headers, trusted=self._request.trusted)
        origins = [value for name, value in headers if name == b"origin"]
        hosts = [value for name, value in headers if name == b"host"]
        if said.session is not None and [origin.partition(b"://")[2] for origin in origins] != hosts:
            raise ForbiddenError

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if self._headers is None:
            raise _CloseError(_UNAUTHORIZED, "Unauthorized")
        id_ = message.get("id")
        if not isinstance(id_, str) or not id_:
            raise _CloseError(_BAD_REQUEST, "A subscribe message needs an id")
        if id_ in self._operations:
            raise _CloseError(_ALREADY_EXISTS, f"Subscriber for {id_} already exists")
        try:
            request = request_of(message.get("payload"))
            seconds, priority = _said_of_itself(message["payload"].get("extensions") or {})
        except BadRequestError as error:
            raise _CloseError(_BAD_REQUEST, error.message) from None
        if len(self._operations) >= MOST_OPERATIONS:
            refusal = DocumentLimitError(f"A socket runs at most {MOST_OPERATIONS} operations at a time.")
            await self._say(
                {"id": id_, "type": "error", "payload": failed(refusal, self._request.id).body["errors"]}
            )
            return
        headers = [*self._headers, *priority]
        operation = _Operation(self._runtime, self._engine, self._fresh_scope(seconds), headers)
        self._operations[id_] = asyncio.create_task(self._run(id_, operation, request))

    async def _run(self, id_: str, operation: "_Operation", request: Request) -> None:
        try:
            async with contextlib.aclosing(operation.answers(request)) as answers:
                async for answer in answers:
                    if answer.failure is not None:
                        self._forget(id_)
                        await self._say({"id": id_, "type": "error", "payload": answer.body["errors"]})
                        return
                    await self._say({"id": id_, "type": "next", "payload": answer.body})
            self._forget(id_)
            if not operation.interrupted:
                await self._say({"id": id_, "type": "complete"})
        finally:
            self._forget(id_)
            operation.tell()

    def _forget(self, id_: str) -> None:
        """Free the id, before the client hears that the operation is over, unless it is in use again."""
        if self._operations.get(id_) is asyncio.current_task():
            del self._operations[id_]

    def _cancel(self, id_: Any) -> None:
        if isinstance(id_, str) and (task := self._operations.pop(id_, None)) is not None:
            task.cancel()
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def _stop(self) -> None:
        for id_ in list(self._operations):
            self._cancel(id_)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    async def _say(self, message: dict[str, Any]) -> None:
        # a client that has just left is noticed by whoever receives
        with contextlib.suppress(OSError):
            await self._send({"type": "websocket.send", "text": json_bytes(message).decode()})

    async def _close(self, code: int, reason: str) -> None:
        fitting = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        with contextlib.suppress(OSError):
            await self._send({"type": "websocket.close", "code": code, "reason": fitting})

    def _fresh_scope(self, seconds: float) -> RequestScope:
        return RequestScope(
            id=secrets.token_hex(16),
            deadline=clock.monotonic() + min(seconds, self._seconds),
            trusted=self._request.trusted,
            record=RequestRecord(),
            address=self._request.address,
        )


class _Operation:
    """One operation of a socket: a request with an id, a deadline and a log line of its own."""

    def __init__(self, runtime: Runtime, engine: Engine, request: RequestScope, headers: Headers) -> None:
        self._runtime = runtime
        self._engine = engine
        self._request = request
        self._headers = headers
        self._start = clock.monotonic()
        self._status = _OK
        self.interrupted = False

    async def answers(self, asked: Request) -> AsyncGenerator[Answer, None]:
        """One for a query or a mutation, any number for a subscription; a failure is the last one."""
        runtime, request, headers = self._runtime, self._request, self._headers
        try:
            credential = recognized(runtime, request, headers)
            async with admitted(runtime, request, credential, headers) as tenant:
                found = await self._found(asked, tenant)
        except Exception as error:  # noqa: BLE001 - a bug is logged and masked like any failure
            found = failed(error, request.id)
        # what is sent holds nothing: who does not read may take as long as they like
        leave(request)
        if isinstance(found, Answer):
            yield self._noted(found)
            return
        async with contextlib.aclosing(found) as answers:
            async for answer in answers:
                yield self._noted(answer)
        self.interrupted = found.interrupted

    async def _found(self, asked: Request, tenant: TenantContext) -> Answer | Answers:
        """What there is to say at once, or to listen to."""
        prepared = self._engine.prepare(await self._engine.named(asked, tenant), tenant)
        if isinstance(prepared, Answer):
            return prepared
        self._request.record.operation = prepared.name
        if prepared.operation.deprecated or prepared.operation.old_variables:
            self._engine.count_deprecated(
                prepared, tenant, fields_of(self._headers).get(CLIENT_NAME, b"").decode("latin-1")
            )
        if not prepared.is_subscription:
            return await self._engine.execute(prepared, tenant)
        listener = partial(listening, self._runtime, self._request, self._headers)
        return await self._engine.subscribe(prepared, tenant, listener)

    def _noted(self, answer: Answer) -> Answer:
        record = self._request.record
        record.code = answer.code
        record.statements += answer.statements
        if answer.failure is not None:
            self._status = answer.failure.status
        return answer

    def tell(self) -> None:
        """Count it, and write its line."""
        leave(self._request)
        record, seconds = self._request.record, clock.monotonic() - self._start
        known = record.actor not in {"", ActorKind.ANONYMOUS}
        self._runtime.metrics.observe_request(
            tenant=record.tenant,
            operation=record.operation if known else "",
            route="message",
            status=self._status,
            seconds=seconds,
        )
        log.info(
            "operation",
            request_id=self._request.id,
            tenant=record.tenant,
            actor=record.actor,
            operation=record.operation[:64],
            status=self._status,
            code=record.code,
            milliseconds=round(seconds * 1000, 2),
            statements=record.statements,
        )


def _reason(error: HarkaError) -> str:
    """The message; JSON with whole seconds where trying again later helps: a close frame has no headers."""
    if not isinstance(error, RateLimitedError):
        return error.message
    told = error.extensions() | {"retryAfter": math.ceil(error.retry_after)}
    # the time of day that `retryAfter` comes to would not fit beside the rest
    return json_bytes({name: told[name] for name in _TOLD if name in told}).decode()


def _headers(payload: dict[str, Any]) -> Headers:
    """What a browser cannot send as headers, in the payload under the headers' names, whatever their case."""
    given = {name.lower(): value for name, value in payload.items()}
    found = []
    for name in _SENT_AS_PAYLOAD:
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not value.isascii():
            raise _CloseError(_BAD_REQUEST, f"{name} must be a string")
        found.append((name.encode(), value.encode()))
    return found


def _least_seconds(headers: Headers, most: float) -> float:
    """Raise `BadRequestError` for an `X-Request-Deadline` that is none."""
    return min([most, *(seconds_of(value) for name, value in headers if name == DEADLINE)])


def _said_of_itself(extensions: Mapping[str, Any]) -> tuple[float, Headers]:
    """Seconds for which an operation's answer is of use, infinite where it does not say, and its `Priority`.

    Raise `BadRequestError`.
    """
    seconds, priority = extensions.get("deadline"), extensions.get("priority")
    if seconds is None:
        seconds = math.inf
    elif isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        raise BadRequestError("extensions.deadline must be seconds, more than 0.")
    if not isinstance(priority, str | None):
        raise BadRequestError("extensions.priority must be a string.")
    return seconds, [] if priority is None else [(_PRIORITY, priority.encode())]
