import asyncio
from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from harka.web.middleware.draining import Draining, DrainingMiddleware

PATIENCE = 5.0


class Connection:
    """A WebSocket's two ends."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def talkative(_scope: Scope, receive: Receive, send: Send) -> None:
    """Echoes, and has a last word when the client is gone."""
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})
    await send({"type": "websocket.send", "text": "last word"})
    await send({"type": "websocket.close", "code": 1000})


def opened(draining: Draining) -> tuple[Connection, asyncio.Task[None]]:
    connection = Connection()
    app = DrainingMiddleware(talkative, draining)
    call = app({"type": "websocket"}, connection.incoming.get, connection.send)
    return connection, asyncio.create_task(call)  # type: ignore[arg-type]  # a coroutine


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - the other end of a fake connection has no event
            await asyncio.sleep(0)


async def test_a_socket_is_told_that_we_are_going_away() -> None:
    draining = Draining()
    connection, running = opened(draining)
    connection.incoming.put_nowait({"type": "websocket.receive", "text": "hello"})
    await until(lambda: len(connection.sent) == 2)
    draining.begin()
    async with asyncio.timeout(PATIENCE):
        await running
    assert connection.sent[1:] == [
        {"type": "websocket.send", "text": "hello"},
        {"type": "websocket.close", "code": 1001, "reason": "shutting down"},
    ]


async def test_closing_waits_for_every_socket() -> None:
    draining = Draining()
    sockets = [opened(draining) for _ in range(50)]
    await until(lambda: all(connection.sent for connection, _ in sockets))
    draining.begin()
    await draining.sockets_closed(PATIENCE)
    assert {connection.sent[-1]["code"] for connection, _ in sockets} == {1001}
    await asyncio.gather(*(running for _, running in sockets))


async def test_closing_does_not_wait_for_ever() -> None:
    draining = Draining()
    with draining.socket():
        async with asyncio.timeout(PATIENCE):
            await draining.sockets_closed(0.01)


async def test_a_socket_that_ends_by_itself_is_left_alone() -> None:
    draining = Draining()
    connection, running = opened(draining)
    connection.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await running
    assert connection.sent[-1] == {"type": "websocket.close", "code": 1000}
    assert not draining.begun


async def test_requests_pass() -> None:
    passed = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        passed.append(scope["type"])

    draining = Draining()
    draining.begin()
    await DrainingMiddleware(app, draining)({"type": "http"}, asyncio.sleep, asyncio.sleep)  # type: ignore[arg-type]  # never used
    assert passed == ["http"]
