"""The whole process: its start, its end, and what it does when a server behind it is down."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import msgspec
import pytest
import websockets

from doors import logged
from harka import clock
from harka.app import Application
from harka.codec import from_json, json_bytes
from harka.config import Settings, environment
from harka.opening import open_runtime
from harka.queue.message import PLATFORM, USAGE_TOPIC
from harka.repositories.api_key import list_by_tenant
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.web.middleware.draining import Draining
from harka.web.routes import build
from own_cluster import free_ports
from own_servers import OwnServers
from waiting import PATIENCE, until

HOST = "own.harka.localhost"
COURSES = "query Courses { courses(first: 5) { totalCount } }"
JSON, GRAPHQL = "application/json", "application/graphql-response+json"
BOTH = (JSON, 200, {"courses": None}), (GRAPHQL, 503, None)
CREATE = (
    'mutation Create($code: String!) { createCourse(input: {title: "T", code: $code}) { course { id } } }'
)


class World(msgspec.Struct, frozen=True):
    servers: OwnServers
    tenant: Organization
    key: str

    @property
    def settings(self) -> Settings:
        return self.servers.settings

    @property
    def headers(self) -> dict[str, str]:
        return {"host": HOST, "x-api-key": self.key}


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    servers = OwnServers()
    try:
        servers.start()
        yield World(servers, *await servers.prepare())
    finally:
        servers.remove()


@pytest.fixture
async def own_runtime(world: World) -> AsyncIterator[Runtime]:
    async with open_runtime(world.settings) as runtime:
        yield runtime


@pytest.fixture
async def http(world: World, own_runtime: Runtime) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(build(own_runtime, Draining()))
    async with httpx2.AsyncClient(
        transport=transport, base_url=f"http://{HOST}", headers=world.headers
    ) as client:
        yield client


@contextlib.contextmanager
def stopped(servers: OwnServers, name: str) -> Iterator[Callable[[], None]]:
    """One server is down in the block, until the yielded function is called."""
    servers.stop(name)
    try:
        yield servers.revive
    finally:
        servers.revive()


async def ask(http: httpx2.AsyncClient, document: str = COURSES, **variables: Any) -> httpx2.Response:
    # what it cost is another each time
    return await http.post(
        "/graphql", json={"query": document, "variables": variables}, headers={"graphql-cost": "0"}
    )


async def answered(http: httpx2.AsyncClient) -> bool:
    return "errors" not in (await ask(http)).json()


async def status_of(http: httpx2.AsyncClient, expected: str) -> bool:
    return (await http.get("/readyz")).json()["status"] == expected


async def test_with_everything_up_it_is_ready(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/readyz")
    names = ("catalog", "migrations", "database", "directory", "valkey")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "checks": dict.fromkeys(names, "ok")},
    )
    assert await answered(http)


async def test_without_the_database_requests_fail_fast_and_recover(
    world: World, own_runtime: Runtime, http: httpx2.AsyncClient
) -> None:
    assert await answered(http)
    with stopped(world.servers, "postgres") as revive, logged() as lines:
        started = time.perf_counter()
        for number, (accept, status, data) in enumerate(5 * BOTH):
            text = f"{COURSES} # {number}"  # no answer is kept to this
            answer = await http.post("/graphql", json={"query": text}, headers={"accept": accept})
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert (answer.status_code, answer.json()["data"]) == (status, data)
        labels = {"tenant_id": str(world.tenant.id), "endpoint": "Courses", "status": "503"}
        assert own_runtime.metrics.registry.get_sample_value("tenant_api_requests_total", labels) == 10
        assert time.perf_counter() - started < 3.0
        await until(lambda: status_of(http, "unavailable"))
        started = time.perf_counter()
        probe = await http.get("/readyz")
        assert time.perf_counter() - started < 1.0
        assert probe.status_code == 503
        assert probe.json()["checks"] | {"directory": ""} == {
            "catalog": "down",
            "migrations": "unknown",
            "database": "down",
            "directory": "",
            "valkey": "ok",
        }
        assert (await http.get("/livez")).status_code == 200
        revive()
        await until(lambda: answered(http))
        await until(lambda: status_of(http, "ready"))
    assert "Traceback" not in lines.text


async def test_started_without_a_database_it_serves_once_there_is_one(world: World) -> None:
    with stopped(world.servers, "postgres") as revive:
        async with open_runtime(world.settings) as runtime:
            transport = httpx2.ASGITransport(build(runtime, Draining()))
            address = f"http://{HOST}"
            async with httpx2.AsyncClient(
                transport=transport, base_url=address, headers=world.headers
            ) as http:
                answer = await ask(http)
                assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
                    503,
                    "UNAVAILABLE",
                )
                assert (await http.get("/readyz")).json()["checks"]["directory"] == "not read yet"
                revive()
                await until(lambda: answered(http))


async def test_without_valkey_answers_are_the_same_and_readiness_says_degraded(
    world: World, http: httpx2.AsyncClient
) -> None:
    before = (await ask(http)).json()
    with stopped(world.servers, "valkey") as revive:
        assert (await ask(http)).json() == before
        answer = await ask(http, CREATE, code="valkey-down")
        assert "errors" not in answer.json(), answer.text
        after = (await ask(http)).json()
        assert after["data"]["courses"]["totalCount"] == before["data"]["courses"]["totalCount"] + 1
        probe = await http.get("/readyz")
        assert (probe.status_code, probe.json()["status"]) == (200, "degraded")
        assert probe.json()["checks"]["valkey"] == "down"
        revive()
        await until(lambda: status_of(http, "ready"))
        assert (await ask(http)).json() == after


async def test_a_process_that_drains_is_not_ready(own_runtime: Runtime) -> None:
    draining = Draining()
    transport = httpx2.ASGITransport(build(own_runtime, draining))
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
        assert await status_of(http, "ready")
        draining.begin()
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")


async def test_a_start_that_fails_is_reported_to_the_server(world: World) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    wrong = msgspec.structs.replace(world.settings, secret="short")
    with logged() as lines:
        await Application(wrong)({"type": "lifespan"}, receive, send)  # type: ignore[arg-type]  # plain dictionaries
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    (line,) = lines.of("app")
    assert (line["event"], line["reason"].partition(":")[0]) == ("not started", "HARKA_SECRET")
    assert "Traceback" not in lines.text


class Process(msgspec.Struct, frozen=True):
    """`harka serve` as a process of its own."""

    child: asyncio.subprocess.Process
    port: int
    metrics_port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def is_ready(http: httpx2.AsyncClient) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return (await http.get("/readyz")).status_code == 200
    return False


@contextlib.asynccontextmanager
async def serving(world: World) -> AsyncIterator[Process]:
    port, metrics_port = free_ports(2)
    settings = msgspec.structs.replace(world.settings, port=port, metrics_port=metrics_port)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harka.cli.main", "serve"),
        env=environment(settings),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    process = Process(child, settings.port, settings.metrics_port)
    try:
        async with httpx2.AsyncClient(base_url=process.address) as http:
            await until(lambda: is_ready(http))
        yield process
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_the_three_tenant_metrics_are_served_under_their_names(
    world: World, own_runtime: Runtime
) -> None:
    usage = {"tenant": str(world.tenant.id), "activeUsers": 7, "totalUsers": 9, "storageBytes": 4096}
    tenant = f'tenant_id="{world.tenant.id}"'
    expected = {
        f'tenant_active_users{{plan="ENTERPRISE",{tenant}}} 7.0',
        f"tenant_storage_bytes{{{tenant}}} 4096.0",
        f'tenant_api_requests_total{{endpoint="Courses",status="200",{tenant}}} 1.0',
    }
    async with serving(world) as process, httpx2.AsyncClient(base_url=process.address) as http:
        assert (
            await http.post("/graphql", json={"query": COURSES}, headers=world.headers)
        ).status_code == 200

        async def told() -> bool:
            await own_runtime.pubsub.publish(PLATFORM, USAGE_TOPIC, usage)
            page = await http.get(f"http://127.0.0.1:{process.metrics_port}/metrics")
            return expected <= set(page.text.splitlines())

        await until(told)


async def test_what_keys_were_used_for_the_last_time_is_written_at_shutdown(
    world: World, own_runtime: Runtime
) -> None:
    began = clock.now()
    async with serving(world) as process:
        async with httpx2.AsyncClient(base_url=process.address, headers=world.headers) as http:
            assert "errors" not in (await ask(http)).json()
        process.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await process.child.communicate()
    (key,) = await list_by_tenant(own_runtime.catalog, world.tenant.id)
    assert key.last_used_at is not None
    assert began < key.last_used_at < clock.now()


@contextlib.asynccontextmanager
async def connected(process: Process) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_on_sigterm_a_request_in_flight_is_answered_and_sockets_are_told(world: World) -> None:
    async with serving(world) as process, connected(process) as (reader, writer):
        body = b'{"query":"query Courses { courses(first: 5) { totalCount } }"}'
        head = f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nX-API-Key: {world.key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        # the request is in flight until its last byte is there
        writer.write(head.encode() + body[:-1])
        talk = await websockets.connect(
            f"ws://{HOST}/graphql",
            host="127.0.0.1",
            port=process.port,
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
        )
        await talk.send(json_bytes({"type": "connection_init", "payload": {"x-api-key": world.key}}).decode())
        assert "connection_ack" in str(await talk.recv())
        async with httpx2.AsyncClient(base_url=process.address) as http:
            assert (await http.get("/livez")).status_code == 200
        process.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(websockets.ConnectionClosed):
                await talk.recv()
            assert talk.close_code == 1001
            writer.write(body[-1:])
            answer = await reader.read()
            _, errors = await process.child.communicate()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"totalCount"' in answer
    assert process.child.returncode == 0
    assert b"Traceback" not in errors
    assert world.key.encode() not in errors


async def test_on_sigterm_a_stream_ends(world: World) -> None:
    async with serving(world) as process:
        async with httpx2.AsyncClient(base_url=process.address, headers=world.headers) as http:
            made = (await ask(http, CREATE, code=f"stream-{process.port}")).json()
            id_ = made["data"]["createCourse"]["course"]["id"]
            asked = {
                "query": "subscription($id: ID!) { progressChanged(courseId: $id) { resync } }",
                "variables": {"id": id_},
            }
            async with (
                asyncio.timeout(PATIENCE),
                http.stream(
                    "POST", "/graphql", json=asked, headers={"accept": "text/event-stream"}
                ) as stream,
            ):
                pieces = stream.aiter_bytes()
                await anext(pieces)
                process.child.send_signal(signal.SIGTERM)
                rest = [piece async for piece in pieces]
        async with asyncio.timeout(PATIENCE):
            await process.child.communicate()
    assert b"errors" not in b"".join(rest)
    assert process.child.returncode == 0


async def test_a_request_that_outlives_the_grace_period_does_not_keep_the_process(world: World) -> None:
    short = msgspec.structs.replace(world, servers=Impatient(world.servers))
    async with serving(short) as process, connected(process) as (_, writer):
        writer.write(
            f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
            "Content-Length: 10\r\n\r\n{".encode()
        )
        async with httpx2.AsyncClient(base_url=process.address) as http:
            assert (await http.get("/livez")).status_code == 200
        process.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await process.child.communicate()
    assert process.child.returncode == 0


WRITTEN = {
    "email": "ada.lovelace@example.org",
    "name": "Augusta Ada King",
    "bearer": "eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
    "key": "hk_abcdef123456_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmF",
    "cookie": "harka=c2Vzc2lvbi1zZWNyZXQ",
}
PASSWORD = "correct-horse-battery-staple"


async def probe(http: httpx2.AsyncClient, key: str) -> None:
    """What a careless or hostile client sends: its secrets and personal data in every place there is."""
    email, name = WRITTEN["email"], WRITTEN["name"]
    variables = {"email": email, "name": name, "code": f"{name} {email}"}
    for headers in (
        {"x-api-key": key},
        {"x-api-key": WRITTEN["key"]},
        {"authorization": f"Bearer {WRITTEN['bearer']}"},
        {"cookie": WRITTEN["cookie"]},
        {"x-request-id": WRITTEN["bearer"], "user-agent": email, "referer": f"http://x/{email}"},
    ):
        for query in (
            COURSES,
            CREATE,
            f'{{ user(id: "{email}") {{ name }} }}',
            f'{{ "{name}" }}',
            "query hk_abcdef123456_x($email: Int!) { courses(first: $email) { totalCount } }",
        ):
            body = {"query": query, "variables": variables}
            await http.post(f"/graphql?token={WRITTEN['bearer']}", json=body, headers=headers)
        await http.get(f"/{email}/{key}", headers=headers)
        await http.get(f"/files/{WRITTEN['bearer']}", headers=headers)


async def shake_hands(
    process: Process, *, host: str = HOST, path: str = "/graphql", protocol: str = "graphql-transport-ws"
) -> int:
    """A WebSocket with secrets in its address: the code that closes it, or the status that refuses it."""
    private = f"password={PASSWORD}&key={WRITTEN['key']}&email={WRITTEN['email']}"
    try:
        async with websockets.connect(
            f"ws://{host}{path}?{private}",
            host="127.0.0.1",
            port=process.port,
            subprotocols=[websockets.Subprotocol(protocol)],
            proxy=None,
        ) as talk:
            with contextlib.suppress(websockets.ConnectionClosed):
                await talk.send("{}")
            await talk.wait_closed()
            return talk.close_code or 0
    except websockets.InvalidStatus as refusal:
        return refusal.response.status_code


async def test_nothing_a_client_keeps_to_itself_is_ever_logged(world: World) -> None:
    async with serving(world) as process:
        async with httpx2.AsyncClient(base_url=process.address, headers={"host": HOST}) as http:
            await probe(http, world.key)
        async with asyncio.timeout(PATIENCE):
            assert await shake_hands(process) == 4400
            assert await shake_hands(process, protocol="graphql-ws") == 4406
            assert await shake_hands(process, path="/elsewhere") == 404
            assert await shake_hands(process, host="nobody.harka.localhost") == 404
        process.child.send_signal(signal.SIGTERM)
        out, errors = await process.child.communicate()
    assert b"Courses" in errors
    assert errors.count(b'"route":"websocket"') == 4
    for written in (*WRITTEN.values(), world.key, world.key[:15], "Augusta", PASSWORD, "?", "127.0.0.1:"):
        assert written.encode() not in out + errors


async def test_start_and_stop_are_told_once(world: World) -> None:
    async with serving(world) as process:
        process.child.send_signal(signal.SIGTERM)
        _, errors = await process.child.communicate()
    lines = [from_json(line) for line in errors.splitlines()]
    told = [line for line in lines if line["room"] == "app"]
    assert [line["event"] for line in told] == ["serving", "stopping", "stopped"]
    assert (told[0]["host"], told[0]["port"]) == ("127.0.0.1", process.port)
    assert [line["room"] for line in lines if line["room"] != "app"] == ["metrics"]


GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: own.harka.localhost\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nHost: own.harka.localhost\r\nContent-Length: nine\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nHost: own.harka.localhost\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00{",
    b"POST /graphql HTTP/1.1\r\nHost: own.harka.localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /graphql?query=%00%ff HTTP/1.1\r\nHost: own.harka.localhost\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: own.harka.localhost\r\n\r\n",
    b"BREW \xe2\x98\x95 HTTP/1.1\r\nHost: own.harka.localhost\r\n\r\n",
)


async def test_a_probing_client_cannot_fill_the_disk(world: World) -> None:
    async def poke(process: Process, garbage: bytes) -> None:
        async with connected(process) as (reader, writer):
            writer.write(garbage)
            writer.write_eof()
            with contextlib.suppress(OSError):
                await reader.read()

    async with serving(world) as process:
        for _ in range(30):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(poke(process, garbage) for garbage in GARBAGE))
        async with httpx2.AsyncClient(base_url=process.address) as http:
            assert (await http.get("/livez")).status_code == 200
        process.child.send_signal(signal.SIGTERM)
        _, errors = await process.child.communicate()
    assert b"Traceback" not in errors
    assert max(map(len, errors.splitlines())) < 500
    assert len(errors) < 500 * 30 * len(GARBAGE)
    assert b'"INTERNAL"' not in errors


class Impatient(OwnServers):
    """The same servers for a process with a grace period of one second."""

    def __init__(self, servers: OwnServers) -> None:
        self._servers = servers

    @property
    def settings(self) -> Settings:
        return msgspec.structs.replace(self._servers.settings, shutdown_grace=1.0)
