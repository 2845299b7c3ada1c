import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from doors import Raises, client, logged, scoped
from harka import errors
from harka.errors import HarkaError
from harka.web.middleware.failures import FailuresMiddleware

SECRET = "hk_abcdef123456_Zm9vYmFyYmF6cXV4Zm9vYmFy"

EXPECTED = [
    (errors.BadRequestError(), 400, "BAD_REQUEST"),
    (errors.UnauthenticatedError(), 401, "UNAUTHENTICATED"),
    (errors.TenantMismatchError(), 403, "FORBIDDEN"),
    (errors.UnknownTenantError(), 404, "UNKNOWN_TENANT"),
    (errors.PayloadTooLargeError(), 413, "PAYLOAD_TOO_LARGE"),
    (errors.RateLimitedError(retry_after=1.2), 429, "RATE_LIMITED"),
    (errors.UnavailableError(), 503, "UNAVAILABLE"),
    (errors.DeadlineExceededError(), 504, "DEADLINE_EXCEEDED"),
    (HTTPException(404), 404, "NOT_FOUND"),
    (HTTPException(405, headers={"Allow": "GET"}), 405, "METHOD_NOT_ALLOWED"),
    (HTTPException(418), 400, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("error", "status", "code"), EXPECTED, ids=lambda value: str(value)[:20])
async def test_an_expected_failure_is_answered_and_not_logged(
    error: Exception, status: int, code: str
) -> None:
    with logged() as lines:
        async with client(scoped(FailuresMiddleware(Raises(error)))) as http:
            answer = await http.get("/")
    assert answer.status_code == status
    (told,) = answer.json()["errors"]
    assert told["extensions"]["code"] == code
    assert told["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert lines.of("web") == []


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(SECRET),
        errors.TenantRequiredError(SECRET),
        errors.InternalError(SECRET),
        HarkaError(SECRET),
    ],
)
async def test_a_bug_is_masked_and_logged_with_the_request(error: Exception) -> None:
    with logged() as lines:
        async with client(scoped(FailuresMiddleware(Raises(error)))) as http:
            answer = await http.get("/")
    assert answer.status_code == 500
    (told,) = answer.json()["errors"]
    assert told["message"] == "Something went wrong on our side."
    assert told["extensions"] == {"code": "INTERNAL", "requestId": answer.headers["x-request-id"]}
    (line,) = lines.of("web")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in lines.text + answer.text


async def test_headers_tell_the_client_what_to_do_next() -> None:
    async def header(error: Exception, name: str) -> str:
        async with client(scoped(FailuresMiddleware(Raises(error)))) as http:
            return (await http.get("/")).headers[name]

    assert await header(errors.RateLimitedError(retry_after=1.2), "retry-after") == "2"
    assert await header(errors.UnavailableError(), "retry-after") == "1"
    assert await header(errors.UnauthenticatedError(), "www-authenticate") == "Bearer"
    assert await header(errors.MethodNotAllowedError(allow="GET, HEAD"), "allow") == "GET, HEAD"


async def test_a_failure_in_mid_answer_ends_it_and_is_logged() -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    with logged() as lines:
        sent = []

        async def send(message: object) -> None:
            sent.append(message)

        scope = {"type": "http", "headers": [], "path": "/", "client": None}
        await scoped(FailuresMiddleware(half))(scope, asyncio.sleep, send)  # type: ignore[arg-type]  # never received
    assert len(sent) == 2
    assert [line["event"] for line in lines.of("web")] == ["bug"]


async def test_a_client_that_left_is_no_bug() -> None:
    with logged() as lines:
        scope = {"type": "http", "headers": [], "path": "/", "client": None}
        await scoped(FailuresMiddleware(Raises(ClientDisconnect())))(scope, asyncio.sleep, asyncio.sleep)  # type: ignore[arg-type]  # never used
    assert scope["harka"].record.code == "CLIENT_GONE"  # type: ignore[attr-defined]  # the middleware put it there
    assert lines.all == []


async def test_a_cancellation_passes_through() -> None:
    scope = {"type": "http", "headers": [], "path": "/", "client": None}
    with pytest.raises(asyncio.CancelledError):
        await scoped(FailuresMiddleware(Raises(asyncio.CancelledError())))(
            scope, asyncio.sleep, asyncio.sleep
        )  # type: ignore[arg-type]  # never used


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["close", "http"])
async def test_a_websockets_handshake_is_refused(extensions: dict[str, object]) -> None:
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [], "path": "/", "client": None, "extensions": extensions}
    await scoped(FailuresMiddleware(Raises(errors.UnknownTenantError())))(scope, asyncio.sleep, send)  # type: ignore[arg-type]  # never received
    if extensions:
        assert sent[0]["status"] == 404
    else:
        assert sent == [{"type": "websocket.close", "code": 4404, "reason": "UNKNOWN_TENANT"}]
