"""A full request in this process, against real servers: `pytest benchmarks/test_request.py --benchmark-only`.

From the messages of ASGI to the last message of the answer: tenant, key, quota, plan, one round trip to an
embedded PostgreSQL or two, rows, bytes, log line and metrics. The same rows under the same policies as in
`make bench-peers`, which also has the socket and the other servers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from nowhere import logged_nowhere
from pytest_benchmark.fixture import BenchmarkFixture
from servers import Ground
from starlette.types import ASGIApp, Message

from harka import executor
from harka.codec import from_json, json_bytes
from harka.opening import open_runtime
from harka.web import routes
from harka.web.middleware.draining import Draining

QUESTIONS = {
    "one course": '{ course(code: "C-0007") { id code title status createdAt } }',
    "20 courses of 10 lessons": """{ courses(first: 20) { nodes { id code title status
      modules { id title lessons { id title kind durationMinutes weight } } } } }""",
    "50 enrollments, user, course": """{ enrollments(first: 50) { totalCount nodes { id status progress
      enrolledAt user { id name email } course { id code title } } } }""",
}


@asynccontextmanager
async def served(ground: Ground, way: str) -> AsyncIterator[ASGIApp]:
    kept = way == "kept"
    settings = msgspec.structs.replace(
        ground.settings, executor="compiled" if kept else way, cache_answers=kept
    )
    async with open_runtime(settings) as runtime:
        yield routes.build(runtime, Draining())


def asking(app: ASGIApp, ground: Ground, text: str) -> Callable[[], Awaitable[bytes]]:
    body = json_bytes({"query": text})
    given = {"host": ground.host, "x-api-key": ground.key, "content-type": "application/json"}
    headers = [(name.encode(), value.encode()) for name, value in given.items()]

    async def ask() -> bytes:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if messages:
                return messages.pop()
            never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await never

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "scheme": "http",
            "query_string": b"",
            "client": ("127.0.0.1", 50_000),
            "headers": headers.copy(),
        }
        await app(scope, receive, send)
        assert sent[0]["status"] == 200
        answer: bytes = sent[1]["body"]
        return answer

    return ask


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("way", ["compiled", "graphql-core", "kept"])
def test_request(
    benchmark: BenchmarkFixture,
    loop: asyncio.AbstractEventLoop,
    ground: Ground,
    name: str,
    way: str,
) -> None:
    if way != "graphql-core" and not executor.COMPILED:
        pytest.skip("the extension was not built here")
    benchmark.group = f"request: {name}"
    with logged_nowhere():
        stack = AsyncExitStack()
        app = loop.run_until_complete(stack.enter_async_context(served(ground, way)))
        ask = asking(app, ground, QUESTIONS[name])
        assert from_json(loop.run_until_complete(ask()))["data"]
        benchmark(lambda: loop.run_until_complete(ask()))
        loop.run_until_complete(stack.aclose())
