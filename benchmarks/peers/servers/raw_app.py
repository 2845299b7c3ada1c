"""The floor: no GraphQL, no framework. PostgreSQL makes the whole answer, in one trip (`floor.sql`)."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

import asyncpg
import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STATEMENTS = {
    "q1": "SELECT peers.q1($1::uuid, $2::uuid)",
    "q2": "SELECT peers.q2($1::uuid, $2::int)",
    "q3": "SELECT peers.q3($1::uuid, $2::int)",
}


class App:
    def __init__(self) -> None:
        self._pool: asyncpg.Pool | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["method"] == "GET":
            await _respond(send, b"{}")
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        await _respond(send, await self._answer(scope, orjson.loads(body)))

    async def _answer(self, scope: Message, asked: dict[str, Any]) -> bytes:
        assert self._pool is not None
        tenant = next(value for name, value in scope["headers"] if name == b"x-tenant").decode()
        argument = UUID(asked["id"]) if asked["query"] == "q1" else asked["first"]
        async with self._pool.acquire() as connection:
            answer: str = await connection.fetchval(STATEMENTS[asked["query"]], UUID(tenant), argument)
        return answer.encode()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        size = int(os.environ["PEER_POOL_SIZE"])
        url = os.environ["PEER_DATABASE_URL"]
        async with asyncpg.create_pool(url, min_size=size, max_size=size, reset=_nothing) as self._pool:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _nothing(_connection: asyncpg.Connection) -> None:
    """Each statement is its own transaction and leaves nothing behind to reset."""


async def _respond(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = App()
