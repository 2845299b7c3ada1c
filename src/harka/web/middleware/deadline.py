"""A client may say for how long an answer is of use: `X-Request-Deadline`, in seconds."""

from starlette.types import ASGIApp, Receive, Scope, Send

from harka import clock
from harka.web.middleware.request_scope import DEADLINE, hurried


class DeadlineMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope["headers"] if name == DEADLINE]
        if given:
            scope["harka"] = hurried(scope["harka"], b", ".join(given), clock.monotonic())
        await self._app(scope, receive, send)
