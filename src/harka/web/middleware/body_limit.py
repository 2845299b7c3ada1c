"""A request body ends: within its size, and within the request's deadline."""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka import clock
from harka.errors import BadRequestError, DeadlineExceededError, PayloadTooLargeError
from harka.web.middleware.request_scope import RequestScope


class BodyLimitMiddleware:
    def __init__(self, app: ASGIApp, *, limit: int, exempt: Callable[[Scope], bool] | None = None) -> None:
        """`limit`: bytes. `exempt`: the requests that have bounds of their own."""
        self._app = app
        self._exempt = exempt
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (self._exempt is not None and self._exempt(scope)):
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        require_length(announced, self._limit)
        await self._app(scope, Body(scope["harka"], receive, self._limit).receive, send)


class Body:
    """A body that comes in pieces."""

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


def require_length(announced: bytes | None, limit: int) -> None:
    """Raise `PayloadTooLargeError` for more than `limit` bytes, `BadRequestError` for what is no number.

    `announced`: the header's value; None without one.
    """
    try:
        if announced is not None and int(announced) > limit:
            raise PayloadTooLargeError
    except ValueError:
        raise BadRequestError from None
