"""By every way in, whatever asks the database or reads a document holds a place of the gate, and no more."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx2
import pytest

from entering import PASSWORD, give_password, visiting
from full_gate import full, gated
from harka.cache.throttle import Rate
from harka.graph.execution import Engine
from harka.ids import new_id
from harka.learning import entrance
from harka.storage.session import ShardSession
from harka.web.sign_in import SignIn
from raw_server import Server, connected, server
from school import School, Socket, school
from sockets import LISTEN, advance, init, is_listened_to, listen, opened
from waiting import until

__all__ = ["school", "server"]

OVERLOADED: Final = "OVERLOADED"
WHO: Final = "{ viewer { user { name } } }"
ASKED: Final = {"query": WHO}

Ask = Callable[[], Coroutine[Any, Any, str]]
"""What it comes to: a status, a code, or the type of a message."""


def told(answer: httpx2.Response) -> str:
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0
    return OVERLOADED if OVERLOADED in answer.text else str(answer.status_code)


@asynccontextmanager
async def by_get(own: School) -> AsyncIterator[Ask]:
    headers = await own.headers(own.learner)

    async def ask() -> str:
        return told(await own.send("GET", params=ASKED, headers=headers))

    yield ask


@asynccontextmanager
async def as_events(own: School) -> AsyncIterator[Ask]:
    headers = {**await own.headers(own.learner), "accept": "text/event-stream"}

    async def ask() -> str:
        return told(await own.send(json=ASKED, headers=headers))

    yield ask


@asynccontextmanager
async def listening_to_events(own: School) -> AsyncIterator[Ask]:
    async with AsyncExitStack() as stack:

        async def ask() -> str:
            listening = own.stream(LISTEN, listen(own)["variables"], caller=own.learner)
            status = await (await stack.enter_async_context(listening)).opened()
            return OVERLOADED if status == 503 else str(status)

        await own.headers(own.learner)
        yield ask


def on_socket(payload: Callable[[School], Any], expected: str) -> Callable[..., Any]:
    @asynccontextmanager
    async def way(own: School) -> AsyncIterator[Ask]:
        async with own.socket() as socket:
            await init(socket, await own.headers(own.learner))

            async def ask() -> str:
                socket.say("subscribe", id="1", payload=payload(own))
                if expected == "listens":
                    return await heard_or_listening(own, socket)
                return outcome(await socket.hear())

            yield ask

    return way


async def heard_or_listening(own: School, socket: Socket) -> str:
    heard, listens = asyncio.create_task(socket.hear()), asyncio.create_task(is_listened_to(own))
    await asyncio.wait({heard, listens}, return_when=asyncio.FIRST_COMPLETED)
    found = outcome(heard.result()) if heard.done() else "listens"
    heard.cancel()
    listens.cancel()
    return found


def outcome(message: Mapping[str, Any]) -> str:
    if message["type"] == "error":
        return str(message["payload"][0]["extensions"]["code"])
    return str(message["type"])


@asynccontextmanager
async def beginning_a_socket(own: School) -> AsyncIterator[Ask]:
    async with own.socket() as socket:
        await opened(socket)
        payload = await own.headers(own.learner)

        async def ask() -> str:
            socket.say("connection_init", payload=payload)
            message = await socket.receive()
            if message["type"] == "websocket.close":
                assert message["code"] == 4503
                return OVERLOADED
            return "ack"

        yield ask


def page(
    path: str, *, signed_in: bool = False, body: Callable[[School], Any] | None = None
) -> Callable[[School], AbstractAsyncContextManager[Ask]]:
    @asynccontextmanager
    async def way(own: School) -> AsyncIterator[Ask]:
        await give_password(own, own.learner)
        headers = await own.headers(own.learner) if signed_in else {}
        link = own.runtime.files.sign(own.organization.id, f"certificates/{new_id().hex}.pdf", lifetime=60.0)
        async with visiting(own) as app:

            async def ask() -> str:
                asked = path.format(link=link, hash="0" * 64)
                if body is None:
                    return told(await app.http.get(asked, headers=headers))
                return told(await app.http.post(asked, json=body(own)))

            yield ask

    return way


def credentials(own: School) -> dict[str, str]:
    return {"email": own.learner.email, "password": PASSWORD}


WAYS: Final[Mapping[str, tuple[Callable[[School], AbstractAsyncContextManager[Ask]], str]]] = {
    "get": (by_get, "200"),
    "events": (as_events, "200"),
    "listening": (listening_to_events, "200"),
    "socket": (beginning_a_socket, "ack"),
    "socket-query": (on_socket(lambda _: ASKED, "next"), "next"),
    "socket-listening": (on_socket(listen, "listens"), "listens"),
    "certificate": (page("/files/certificates/{link}", signed_in=True), "404"),
    "certificate-of-nobody": (page("/files/certificates/{link}"), "404"),
    "branding": (page("/files/branding/{hash}"), "404"),
    "file": (page("/files/{link}", signed_in=True), "404"),
    "sign-in": (page("/auth/sign-in"), "200"),
    "passkeys": (page("/auth/passkeys", signed_in=True), "200"),
    "token": (page("/auth/token", body=credentials), "200"),
    "discover": (page("/auth/discover", body=lambda own: {"email": own.learner.email}), "200"),
}


@pytest.fixture
def work(school: School, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was begun for the school: transactions, and documents read."""
    begun: list[str] = []
    begin, prepare = ShardSession.__init__, Engine.prepare

    def beginning(self: ShardSession, databases: Any, location: Any, tenant: Any, **how: Any) -> None:
        if tenant == school.organization.id:
            begun.append("transaction")
        begin(self, databases, location, tenant, **how)

    def preparing(self: Engine, *args: Any) -> Any:
        begun.append("document")
        return prepare(self, *args)

    monkeypatch.setattr(ShardSession, "__init__", beginning)
    monkeypatch.setattr(Engine, "prepare", preparing)
    return begun


def waits(own: School, number: int = 1) -> Callable[[], Awaitable[bool]]:
    async def do_they() -> bool:
        return own.runtime.gate.waiting == number

    return do_they


async def require_nothing_held(own: School) -> None:
    gate = own.runtime.gate

    async def is_free() -> bool:
        return (gate.under_way, gate.waiting) == (0, 0)

    await until(is_free)


@pytest.mark.parametrize("name", WAYS)
async def test_nothing_is_begun_before_there_is_a_place(school: School, work: list[str], name: str) -> None:
    way, expected = WAYS[name]
    own = gated(school)
    async with way(own) as ask:
        work.clear()
        async with full(own, line=False):
            asking = asyncio.create_task(ask())
            await until(waits(own))
            assert work == []
        assert await asking == expected
        assert work
        # also of who listens still
        await require_nothing_held(own)
    await require_nothing_held(own)


@pytest.mark.parametrize("name", WAYS)
async def test_who_finds_the_line_full_is_refused_before_anything(
    school: School, work: list[str], name: str
) -> None:
    own = gated(school)
    async with WAYS[name][0](own) as ask:
        work.clear()
        async with full(own):
            # at once, not when there is no time left
            async with asyncio.timeout(3.0):
                assert await ask() == OVERLOADED
            assert work == []
    await require_nothing_held(own)


def raw(school: School, line: str, *more: str) -> bytes:
    return "\r\n".join((f"{line} HTTP/1.1", f"host: {school.host}", *more, "", "")).encode()


LEAVING: Final = {
    "get": "GET /graphql?query={viewer{kind}}",
    "events": "GET /graphql?query={viewer{kind}}",
    "certificate": "GET /files/certificates/{link}",
    "sign-in": "GET /auth/sign-in",
    "unsubscribe": "GET /auth/unsubscribe",
}


@pytest.mark.parametrize("name", LEAVING)
async def test_who_leaves_while_waiting_waits_no_longer(server: Server, work: list[str], name: str) -> None:
    own = server.school
    link = own.runtime.files.sign(own.organization.id, f"certificates/{new_id().hex}.pdf", lifetime=60.0)
    said = [f"{key}: {value}" for key, value in (await own.headers(own.learner)).items()]
    accepted = ["accept: text/event-stream"] if name == "events" else []
    request = raw(own, LEAVING[name].replace("{link}", link), *said, *accepted)
    async with full(own, line=False):
        async with connected(server) as client:
            work.clear()
            client.send(request)
            await until(waits(own))
        await until(waits(own, 0), within=3.0)
    await require_nothing_held(own)
    assert work == []


@pytest.mark.parametrize("name", ["query", "listening", "beginning"])
async def test_who_leaves_a_socket_waits_no_longer(school: School, work: list[str], name: str) -> None:
    own = gated(school)
    payload = await own.headers(own.learner)
    async with own.socket() as socket:
        if name == "beginning":
            await opened(socket)
        else:
            await init(socket, payload)
        async with full(own, line=False):
            work.clear()
            if name == "beginning":
                socket.say("connection_init", payload=payload)
            else:
                socket.say("subscribe", id="1", payload=ASKED if name == "query" else listen(own))
            await until(waits(own))
            socket.send({"type": "websocket.disconnect", "code": 1000})
            # sooner than it would be refused for having waited for too long
            await until(waits(own, 0), within=3.0)
            await socket.task
    await require_nothing_held(own)
    assert work == []


async def test_an_event_is_told_with_a_place_however_full_the_line_is(
    school: School, work: list[str]
) -> None:
    own = gated(school)
    async with own.socket() as socket:
        await init(socket, await own.headers(own.learner))
        socket.say("subscribe", id="1", payload=listen(own))
        await is_listened_to(own)
        await require_nothing_held(own)
        async with full(own):
            others = own.runtime.gate.waiting
            await advance(school, 1)
            work.clear()
            await until(waits(own, others + 1))
            assert (socket.is_silent, work) == (True, [])
        told = await socket.hear()
        assert told["payload"]["data"]["progressChanged"]["enrollment"] == {"progress": 0.25}
        await require_nothing_held(own)


async def test_of_many_who_are_told_a_few_wait_in_line(school: School) -> None:
    own = gated(school)
    headers, many = await own.headers(own.learner), 10
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(own.socket()) for _ in range(many)]
        for socket in sockets:
            await init(socket, headers)
            socket.say("subscribe", id="1", payload=listen(own))
        await is_listened_to(own, many)
        await require_nothing_held(own)
        async with full(own, line=False):
            await advance(school, 1)
            await until(waits(own, 4))
            assert not await is_soon(waits(own, 5))
        for socket in sockets:
            assert (await socket.hear())["type"] == "next"
        await require_nothing_held(own)


async def is_soon(condition: Callable[[], Awaitable[bool]]) -> bool:
    """Within some turns of the loop, where nothing else is awaited."""
    for _ in range(100):
        await asyncio.sleep(0)
        if await condition():
            return True
    return False


@asynccontextmanager
async def busy_threads(own: School) -> AsyncIterator[None]:
    """While the block runs no password is hashed."""
    threads, free = own.runtime.hasher._threads, threading.Event()
    blocked = [threads._pool.submit(free.wait) for _ in range(threads._workers)]
    try:
        yield
    finally:
        free.set()
        for each in blocked:
            await asyncio.wrap_future(each)


async def test_a_password_is_hashed_without_a_place_and_who_has_begun_is_not_refused(school: School) -> None:
    own = gated(school)
    await give_password(own, own.learner)
    gate, threads = own.runtime.gate, own.runtime.hasher._threads

    async def is_hashed() -> bool:
        return threads._running[own.organization.id] == 1

    async with visiting(own) as app:
        async with AsyncExitStack() as filled:
            async with busy_threads(own):
                asking = asyncio.create_task(app.http.post("/auth/token", json=credentials(own)))
                await until(is_hashed)
                assert (gate.under_way, gate.waiting) == (0, 0)
                await filled.enter_async_context(full(own))
                others = gate.waiting
            await until(waits(own, others + 1))
            # and whoever is new is not before them
            assert told(await app.http.get("/auth/sign-in")) == OVERLOADED
            assert not asking.done()
        assert (await asking).status_code == 200
    await require_nothing_held(own)


async def test_a_right_password_takes_no_try_where_there_is_no_time_for_the_rest(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = gated(school)
    await give_password(own, own.learner)
    monkeypatch.setattr(entrance, "OF_STRANGERS_THERE", Rate("there", most=1, seconds=600.0))
    begin = entrance._begin

    async def too_late(*args: Any) -> Any:
        async with full(own, line=False):
            return await begin(*args)

    async with visiting(own) as app:
        with monkeypatch.context() as patch:
            patch.setattr(entrance, "_begin", too_late)
            hurried = {"x-request-deadline": "0.5"}
            late = await app.http.post("/auth/token", json=credentials(own), headers=hurried)
            assert late.status_code == 504
        assert (await app.http.post("/auth/token", json=credentials(own))).status_code == 200


async def test_a_spent_token_is_answered_whoever_waits(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = gated(school)
    await give_password(own, own.learner)
    refresh = entrance.refresh
    async with visiting(own) as app, AsyncExitStack() as filled:
        first = (await app.http.post("/auth/token", json=credentials(own))).json()

        async def and_fill(*args: Any) -> Any:
            done = await refresh(*args)
            await filled.enter_async_context(full(own))
            return done

        monkeypatch.setattr(entrance, "refresh", and_fill)
        spent = {"refresh_token": first["refresh_token"]}
        async with asyncio.timeout(3.0):
            assert (await app.http.post("/auth/refresh", json=spent)).status_code == 200


async def test_a_page_that_is_made_is_shown_however_full_the_line_is_by_then(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = gated(school)
    await give_password(own, own.learner)
    show, gate = SignIn._show, own.runtime.gate
    others: list[int] = []
    async with visiting(own) as app:
        await app.sign_in(own.learner.email)
        async with AsyncExitStack() as filled:

            async def and_fill(*args: Any) -> Any:
                shown = await show(*args)
                await filled.enter_async_context(full(own))
                others.append(gate.waiting)
                return shown

            async def is_in_line() -> bool:
                return bool(others) and gate.waiting == others[0] + 1

            monkeypatch.setattr(SignIn, "_show", and_fill)
            asking = asyncio.create_task(app.get("/auth/sign-in"))
            await until(is_in_line)
        assert (await asking).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status", "type_"),
    [
        ("application/graphql-response+json", 503, "application/graphql-response+json"),
        ("application/json", 503, "application/json"),
        ("text/event-stream", 503, "application/json"),
        ("image/png", 406, "application/json"),
    ],
)
async def test_a_get_is_refused_in_the_type_it_accepts(
    school: School, accept: str, status: int, type_: str
) -> None:
    own = gated(school)
    headers = {**await own.headers(own.learner), "accept": accept}
    async with full(own):
        answer = await own.send("GET", params=ASKED, headers=headers)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, type_)
