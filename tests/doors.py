"""A middleware alone: a client in front of it, a small application behind it."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from harka import logs
from harka.codec import from_json
from harka.config import Settings
from harka.repositories.organization import Organization
from harka.web.middleware.request_scope import RequestScopeMiddleware

MakeTenant = Callable[..., Awaitable[Organization]]
OpenClient = Callable[..., Awaitable[Any]]


def client(
    app: ASGIApp, *, address: str = "203.0.113.9", base_url: str = "http://a.harka.localhost"
) -> httpx2.AsyncClient:
    """Whose peer has `address`. What the application raises reaches the test."""
    transport = httpx2.ASGITransport(app, client=(address, 50_000))
    return httpx2.AsyncClient(transport=transport, base_url=base_url)


def scoped(app: ASGIApp, *, trusted_proxies: str = "", timeout: float = 5.0) -> ASGIApp:
    """`app` behind the layer that all others need."""
    return RequestScopeMiddleware(app, trusted_proxies=trusted_proxies, timeout=timeout)


class Echo:
    """Answers 200 with the body it was sent, and remembers the last scope."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.scope: Scope = {}
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": list(self._headers)})
        await send({"type": "http.response.body", "body": body})


class Raises:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise self._error


class Transport(asyncio.Transport):
    """What a protocol writes to."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8000)})
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [from_json(line) for line in self.text.splitlines()]

    def of(self, room: str) -> list[dict[str, Any]]:
        return [line for line in self.all if line.get("room") == room]


@contextmanager
def logged(settings: Settings | None = None) -> Iterator[Lines]:
    """What is logged in the block; to be read after it."""
    lines = Lines()
    with logs.writing(settings or Settings(), lines.stream):
        yield lines
