"""Answers as server-sent events: graphql-sse's "distinct connections" mode, one operation a connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from starlette.types import Receive, Send

from harka.codec import json_bytes
from harka.graph.answer import Answer
from harka.web.connection import ClientConnection, departure, stopped

HEARTBEAT: Final = 12.0
"""Seconds. Proxies close connections that are silent for longer than they like, usually a minute."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx would collect the events otherwise
    (b"x-accel-buffering", b"no"),
]


async def once(answer: Answer) -> AsyncIterator[Answer]:
    """An operation with one answer, as a stream."""
    yield answer


async def send_events(
    answers: AsyncIterator[Answer],
    receive: Receive,
    send: Send,
    connection: ClientConnection | None = None,
    *,
    heartbeat: float = HEARTBEAT,
) -> bool:
    """Send each answer as it comes until they end or the client leaves; whether they ended.

    The stream stays open at the end: `finish` says what the end means.
    """
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    # at once, so that the client knows that it is listened to
    await _write(send, b":\n\n")
    gone = asyncio.ensure_future(departure(receive))
    following = asyncio.ensure_future(_next(answers))
    try:
        while True:
            await asyncio.wait({gone, following}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return False
            if connection is not None:
                # of what was written before; heartbeats alone would fill no buffer in days
                connection.watch()
            if not following.done():
                await _write(send, b":\n\n")
                continue
            answer = following.result()
            if answer is None:
                return True
            await tell(send, answer)
            following = asyncio.ensure_future(_next(answers))
    finally:
        await stopped(gone, following)


async def tell(send: Send, answer: Answer) -> None:
    """Send one answer."""
    await _write(send, b"event: next\ndata: %b\n\n" % json_bytes(answer.body))


async def finish(send: Send, *, complete: bool) -> None:
    """End the stream. Without `complete` the client takes it for a lost connection, and comes back."""
    last = b"event: complete\ndata: \n\n" if complete else b""
    await send({"type": "http.response.body", "body": last, "more_body": False})


async def _write(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


async def _next(answers: AsyncIterator[Answer]) -> Answer | None:
    with contextlib.suppress(StopAsyncIteration):
        return await anext(answers)
    return None
