"""A request body ends: within its size, and within the request's deadline."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka import clock
from harka.errors import BadRequestError, DeadlineExceededError, PayloadTooLargeError
from harka.web.middleware.request_scope import RequestScope


class BodyLimitMiddleware:
    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        """`limit`: bytes."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (announced := _content_length(scope)) is not None and announced > self._limit:
            raise PayloadTooLargeError
        await self._app(scope, _Body(scope["harka"], receive, self._limit).receive, send)


class _Body:
    def __init__(self, request: RequestScope, receive: Receive, limit: int) -> None:
        self._request, self._receive, self._left = request, receive, limit
        self._more = True

    async def receive(self) -> Message:
        if not self._more:
            return await self._receive()  # waits for the client to leave, which may take as long as it likes
        try:
            async with asyncio.timeout(max(self._request.deadline - clock.monotonic(), 0.0)):
                message = await self._receive()
        except TimeoutError:
            raise DeadlineExceededError from None
        self._more = message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise PayloadTooLargeError
        return message


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            with contextlib.suppress(ValueError):
                return int(value)
            raise BadRequestError
    return None
