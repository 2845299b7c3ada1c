"""Turns what the inner layers raise into answers; nothing below it needs to catch for the client's sake."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harka import logs
from harka.errors import HarkaError, let_go
from harka.web.errors import error_response, masked
from harka.web.scim.errors import error_response as scim_response
from harka.web.scim.errors import is_scim

log = logs.logger("web")

GONE: Final = "CLIENT_GONE"
"""The code of a request whose client left before the answer."""
_SERVER_ERROR = 500
# close codes 4000-4999 are the application's; those of graphql-transport-ws follow HTTP statuses too
_CLOSE_CODE_BASE = 4000


class FailuresMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            scope["harka"].record.code = GONE
        except Exception as error:  # noqa: BLE001 - whatever a room below raises, the client gets an answer
            shown = recorded(scope, error)
            if not started:
                await _answer(scope, receive, send, shown)


def recorded(scope: Scope, error: Exception) -> HarkaError:
    """What a client may know of `error`, which is on record from here on, and logged when it is a bug.

    It has no traceback any more.
    """
    shown = masked(error)
    request = scope["harka"]
    request.record.code = shown.code
    expected = isinstance(error, HTTPException) or (isinstance(error, HarkaError) and shown is error)
    # the access log has its one line for a client's mistake or a server that is down
    if not expected or shown.status == _SERVER_ERROR:
        log.error("bug", request_id=request.id, path=scope["path"][:100], exc_info=error)
    let_go(error)
    return shown


async def _answer(scope: Scope, receive: Receive, send: Send, error: HarkaError) -> None:
    """Before anything was sent: an HTTP answer, also to a WebSocket's handshake where the server can."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        answer = scim_response(error) if is_scim(scope["path"]) else error_response(error, scope["harka"].id)
        await answer(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": _CLOSE_CODE_BASE + error.status, "reason": error.code})
