"""Which methods a path knows: the others are refused, OPTIONS lists them."""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from harka.errors import MethodNotAllowedError


class Methods:
    """`OPTIONS` is answered without CORS headers: a browser's page of another origin is told nothing."""

    def __init__(self, app: ASGIApp, *methods: str) -> None:
        self._app = app
        self._allowed = frozenset(methods)
        self._allow = ", ".join((*methods, "OPTIONS"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or scope["method"] in self._allowed:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers={"Allow": self._allow})(scope, receive, send)
        else:
            raise MethodNotAllowedError(allow=self._allow)
