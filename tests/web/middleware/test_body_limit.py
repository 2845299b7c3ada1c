import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Scope

from doors import Echo, client, scoped
from harka.errors import BadRequestError, DeadlineExceededError, PayloadTooLargeError
from harka.web.middleware.body_limit import BodyLimitMiddleware


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_of_the_limit_passes() -> None:
    async with client(scoped(BodyLimitMiddleware(Echo(), limit=1000))) as http:
        answer = await http.post("/", content=b"x" * 1000)
    assert answer.content == b"x" * 1000


async def test_an_announced_body_beyond_the_limit_is_refused_unread() -> None:
    echo = Echo()
    async with client(scoped(BodyLimitMiddleware(echo, limit=1000))) as http:
        with pytest.raises(PayloadTooLargeError):
            await http.post("/", content=b"x" * 1001)
    assert echo.scope == {}


async def test_who_has_bounds_of_their_own_is_let_through() -> None:
    app = BodyLimitMiddleware(Echo(), limit=1000, exempt=lambda scope: scope["method"] == "PUT")
    async with client(scoped(app)) as http:
        assert len((await http.put("/", content=b"x" * 5000)).content) == 5000
        with pytest.raises(PayloadTooLargeError):
            await http.post("/", content=b"x" * 5000)


async def test_a_body_that_grows_beyond_the_limit_is_refused() -> None:
    async with client(scoped(BodyLimitMiddleware(Echo(), limit=1000))) as http:
        with pytest.raises(PayloadTooLargeError):
            await http.post("/", content=pieces(11, 100))


@pytest.mark.parametrize("length", [b"ten", b"", b"1e3"])
async def test_a_length_that_is_no_number_is_refused(length: bytes) -> None:
    scope: Scope = {"type": "http", "headers": [(b"content-length", length)], "path": "/", "client": None}
    with pytest.raises(BadRequestError):
        await scoped(BodyLimitMiddleware(Echo(), limit=1000))(scope, asyncio.sleep, asyncio.sleep)  # type: ignore[arg-type]  # never used


async def test_a_body_that_never_ends_meets_the_deadline() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope: Scope = {"type": "http", "headers": [], "path": "/", "client": None}
    with pytest.raises(DeadlineExceededError):
        await scoped(BodyLimitMiddleware(Echo(), limit=1000), timeout=0.02)(scope, receive, asyncio.sleep)  # type: ignore[arg-type]  # never sent


async def test_after_the_body_a_client_may_stay_as_long_as_it_likes() -> None:
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    left = asyncio.Event()

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def patient(_scope: Scope, receive: object, _send: object) -> None:
        await receive()  # type: ignore[operator]  # the middleware's
        asyncio.get_running_loop().call_later(0.05, left.set)
        assert (await receive())["type"] == "http.disconnect"  # type: ignore[operator]  # the middleware's

    scope: Scope = {"type": "http", "headers": [], "path": "/", "client": None}
    await scoped(BodyLimitMiddleware(patient, limit=1000), timeout=0.02)(scope, receive, asyncio.sleep)  # type: ignore[arg-type]  # never sent
