"""Who is refused again, over real connections: by the doorman, while the loop does something else."""

import asyncio
import json
import random
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop
from uvicorn import Config
from uvicorn.server import ServerState

from full_gate import filled, full, organization_of
from harka import clock
from harka.metrics import Metrics
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from harka.web.callers import Caller
from harka.web.doorway import Doorway, Seat
from harka.web.protocol import BoundedProtocol
from harka.web.refusals import REFUSALS
from raw_server import Connection, Server, connected, server
from school import school
from tenancy.samples import organization
from waiting import until

__all__ = ["school", "server"]
pytestmark = pytest.mark.compiled

QUESTION = b'{"query": "{ a%05d: viewer { kind } }"}'


@pytest.fixture
def by_loop(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """Who was refused, each time that it was not the doorman who did it."""
    refused, answer = list[Caller](), server.refusals.answer

    def noted(caller: Caller, lines: bytes) -> bytes:
        refused.append(caller)
        return answer(caller, lines)

    monkeypatch.setattr(server.refusals, "answer", noted)
    return refused


def seat_of(server: Server, number: int = -1) -> Seat:
    seat = server.protocols[number]._seat
    assert seat is not None
    return seat


async def test_who_was_refused_is_refused_without_the_loop(server: Server, by_loop: list[Caller]) -> None:
    request = await server.request()
    async with connected(server) as connection, full(server.school):
        answers = [await connection.ask(request) for _ in range(5)]
        assert [status for status, _, _ in answers] == [503] * 5
        assert len(by_loop) == 1
        # while nothing runs here: as in a long turn of the loop
        seat = seat_of(server)
        own = connection._writer.get_extra_info("socket")
        before = seat.refused_at()
        with socket.socket(fileno=own.fileno()) as plain:
            plain.send(request)
            while seat.refused_at() == before:
                pass
            plain.detach()
        assert (await connection.answer())[0] == 503
    assert len(by_loop) == 1


async def test_as_soon_as_there_is_room_they_are_let_in(server: Server, by_loop: list[Caller]) -> None:
    request = await server.request()
    async with connected(server) as connection:
        for _ in range(3):
            async with full(server.school):
                assert [(await connection.ask(request))[0] for _ in range(3)] == [503] * 3
            assert (await connection.ask(request))[0] == 200
            assert server.protocols[0]._seat is None, "the loop reads where nobody is refused"
    assert len(by_loop) == 3


async def test_the_loop_looks_again_and_puts_the_sign_right(server: Server, by_loop: list[Caller]) -> None:
    request = await server.request()
    async with connected(server) as connection, full(server.school):
        assert (await connection.ask(request))[0] == 503
        (sign,) = server.school.runtime.gate.flow(organization_of(server.school)).signs.values()
        sign.show(1)
        assert [(await connection.ask(request))[0] for _ in range(3)] == [503] * 3
    assert len(by_loop) == 2


async def test_other_heads_and_other_lengths_are_for_the_loop(server: Server, by_loop: list[Caller]) -> None:
    """And are known from then on: one connection is used for many, as by a proxy."""
    requests = [
        await server.request(),
        await server.request("x-more: 1"),
        await server.request(body=b'{"query": "{ viewer { kind name } }"}'),
    ]
    async with connected(server) as connection, full(server.school):
        for _ in range(3):
            assert [(await connection.ask(each))[0] for each in requests] == [503] * 3
    assert len(by_loop) == 3


@pytest.mark.parametrize("cut", [1, 30, -40, -1])
async def test_what_comes_in_pieces_is_answered(server: Server, cut: int) -> None:
    request = await server.request()
    async with connected(server) as connection:
        async with full(server.school):
            assert [(await connection.ask(request))[0] for _ in range(2)] == [503] * 2
            connection.send(request[:cut])

            async def is_handed_over() -> bool:
                return server.protocols[0]._seat is None

            await until(is_handed_over)
            connection.send(request[cut:])
            assert (await connection.answer())[0] == 503
        assert (await connection.ask(request))[0] == 200


async def test_who_does_not_wait_for_answers_has_them_in_order(server: Server) -> None:
    first, second, third = [await server.request(body=QUESTION % number) for number in range(3)]
    async with connected(server) as connection:
        async with full(server.school):
            assert (await connection.ask(first))[0] == 503
            connection.send(first + second)
            assert [(await connection.answer())[0] for _ in range(2)] == [503] * 2
            assert (await connection.ask(first))[0] == 503
        connection.send(first)
        connection.send(second)
        connection.send(third)
        bodies = [(await connection.answer())[2] for _ in range(3)]
    assert [next(iter(json.loads(body)["data"])) for body in bodies] == ["a00000", "a00001", "a00002"]


async def test_the_loop_hears_of_who_leaves(server: Server) -> None:
    request = await server.request()
    async with full(server.school):
        async with connected(server) as connection:
            assert (await connection.ask(request))[0] == 503
            assert server.refusals.doorway._guests

        async def is_gone() -> bool:
            return not server.refusals.doorway._guests and server.protocols[0]._seat is None

        await until(is_gone)
        assert server.protocols[0].transport.is_closing()


async def test_who_reads_no_refusals_is_for_the_loop(server: Server, tmp_path: Path) -> None:
    """Which keeps what cannot be sent, and waits for so long as for any answer.

    Over a socket of the system: over TCP a client of which nothing is read is not heard any more either.
    """
    config, state = Config(server.school.app, lifespan="off", log_config=None), {REFUSALS: server.refusals}
    protocol = BoundedProtocol(config, ServerState(), state)
    path, request, asked = str(tmp_path / "socket"), await server.request(), 0
    listening = await asyncio.get_running_loop().create_unix_server(lambda: protocol, path)
    connection = Connection(*await asyncio.open_unix_connection(path))
    async with full(server.school):
        assert (await connection.ask(request))[0] == 503
        protocol.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        own, seat = connection._writer.transport, protocol._seat
        assert seat is not None
        own.pause_reading()  # type: ignore[attr-defined] # of a stream
        while protocol._seat is seat:
            before = seat.refused_at()
            connection.send(request)
            asked += 1
            while seat.refused_at() == before and protocol._seat is seat:  # noqa: ASYNC110 - he is a thread
                await asyncio.sleep(0)
        own.resume_reading()  # type: ignore[attr-defined] # the same
        assert [(await connection.answer())[0] for _ in range(asked)] == [503] * asked
        assert (await connection.ask(request))[0] == 503
    assert asked > 3
    connection._writer.close()
    listening.close()

    async def is_lost() -> bool:
        return not protocol.connections

    await until(is_lost)


class _Guest(asyncio.Protocol):
    """Refuses the first who comes, and sits down."""

    client = None
    server_state = ServerState()

    def __init__(self, doorway: Doorway, caller: Caller) -> None:
        self._doorway, self._caller = doorway, caller
        self.handed: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        seat = self._doorway.seat(self, self._caller, data)
        assert seat is not None
        self.transport.write(b"refused by the loop")
        seat.rest()

    def hand(self, data: bytes, *, is_last: bool) -> None:
        self.handed.append(data)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_what_the_loop_answers_is_sent_before_its_turn_ends(run: Any) -> None:
    """Or nothing would rest, and each next request be handed to the loop."""
    head = b"POST /graphql HTTP/1.1\r\n\r\n"

    async def ask(client: socket.socket) -> bytes:
        await asyncio.get_running_loop().sock_sendall(client, head)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1000), 10)

    async def try_it() -> None:
        gate, who = Gate(most=2, patience=1.0), organization("one")
        rank = Rank.INTERACTIVE
        caller = Caller(organization=who, rank=rank, length=0, within=1.0, id=None, before=b"<", after=b">")
        doorway = Doorway(gate)
        guest = _Guest(doorway, caller)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        with theirs:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: guest, ours)
            async with filled(gate, who):
                assert await ask(theirs) == b"refused by the loop"
                assert all([(await ask(theirs)).startswith(b"HTTP/1.1 503 ") for _ in range(3)])
        assert not guest.handed
        doorway.close()
        guest.transport.abort()

    run(try_it())


async def test_who_is_refused_by_the_doorman_does_not_rest(server: Server) -> None:
    """A connection that rests for too long is closed; the loop sees nothing of what he answers."""
    request = await server.request()
    async with connected(server) as connection, full(server.school):
        assert [(await connection.ask(request))[0] for _ in range(2)] == [503] * 2
        protocol = server.protocols[0]
        protocol._rest_until = protocol.loop.time() - 1.0
        protocol.timeout_keep_alive_handler()
        assert (await connection.ask(request))[0] == 503
        assert protocol._rest_until > protocol.loop.time()


async def test_what_the_doorman_does_is_counted(server: Server, by_loop: list[Caller]) -> None:
    metrics = server.refusals._metrics = Metrics(tenants=1)
    request = await server.request()
    async with connected(server) as connection, full(server.school):
        for _ in range(20):
            await connection.ask(request)
    server.refusals.close()
    page = metrics.exposition().decode().splitlines()
    (found,) = [line for line in page if "tenant_api_requests_total{" in line and 'status="503"' in line]
    assert (float(found.rpartition(" ")[2]), len(by_loop)) == (20.0, 1)


async def test_after_a_while_the_doorman_knows_nobody(
    server: Server, by_loop: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await server.request()
    async with connected(server) as connection, full(server.school):
        assert [(await connection.ask(request))[0] for _ in range(2)] == [503] * 2
        monkeypatch.setattr(server.refusals.callers, "_forget_at", clock.monotonic())

        async def has_forgotten() -> bool:
            return not server.refusals.doorway.is_watched

        await until(has_forgotten)
        assert [(await connection.ask(request))[0] for _ in range(2)] == [503] * 2
    assert len(by_loop) == 2


async def test_nothing_is_begun_on_a_connection_that_closes_once_all_is_sent(server: Server) -> None:
    request, unread = await server.request(), 0
    async with connected(server) as connection:
        async with full(server.school):
            assert (await connection.ask(request))[0] == 503
        protocol, own = server.protocols[0], connection._writer.transport
        own.pause_reading()  # type: ignore[attr-defined] # of a stream
        while not protocol.transport.get_write_buffer_size():
            protocol.transport.write(bytes(10_000))
            unread += 10_000
        protocol.shutdown()
        connection.send(request)
        connection.send(request)

        async def is_handed_over() -> bool:
            return protocol._seat is None

        await until(is_handed_over)
        own.resume_reading()  # type: ignore[attr-defined] # the same
        assert await connection._reader.read() == bytes(unread), "and no answer behind it"


async def test_when_the_doorman_goes_the_loop_reads_on(server: Server) -> None:
    request = await server.request()
    async with connected(server) as first, connected(server) as second:
        async with full(server.school):
            assert [(await each.ask(request))[0] for each in (first, second)] == [503] * 2
        doorman = server.refusals.doorway._doorman
        assert doorman is not None
        # one has been passed on when he goes, the other asks later
        first.send(request)
        select.select([doorman.bell], [], [], 10)
        server.refusals.close()
        second.send(request)
        assert [(await each.answer())[0] for each in (first, second)] == [200] * 2
        assert not server.refusals.doorway._guests


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many as this process may have: an ordinary user begins with 1,024, a quarter of the seats."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


@pytest.mark.usefixtures("descriptors")
async def test_who_is_known_is_forgotten_though_no_seat_was_left_for_them(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await server.request()

    async def is_forgotten() -> bool:
        return not server.refusals.doorway.is_watched

    async with connected(server) as seated, connected(server) as other, full(server.school):
        assert (await seated.ask(request))[0] == 503
        monkeypatch.setattr(server.refusals.callers, "_forget_at", clock.monotonic())
        await until(is_forgotten)
        # the doorman is told of who asks, and then has no seat for them
        doorman = server.refusals.doorway._doorman
        assert doorman is not None
        ours, theirs = socket.socketpair()
        with ours, theirs, ExitStack() as copies:
            while (number := doorman.seat(copies.enter_context(ours.dup()).fileno(), b"")) is not None:
                copies.callback(doorman.give_up, number)
            assert (await other.ask(request))[0] == 503
            monkeypatch.setattr(server.refusals.callers, "_forget_at", clock.monotonic())
            await until(is_forgotten)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_clients_do_each_request_has_one_answer_in_its_turn(server: Server, seed: int) -> None:
    """Thirty who wait for answers or do not, send in pieces, and change heads, while room comes and goes."""
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    clients = [_Client(server, random.Random(31 * seed + number)) for number in range(30)]  # noqa: S311 - the same
    asking = [asyncio.create_task(client.run()) for client in clients]
    while not all(task.done() for task in asking):
        async with full(server.school):
            await asyncio.sleep(chance.choice([0.0, 0.001, 0.01]))
        # who waits in line meanwhile comes out of it
        await asyncio.sleep(chance.choice([0.0, 0.005, 0.03]))
    await asyncio.gather(*asking)
    refused, served = (sum(client.statuses.count(status) for client in clients) for status in (503, 200))
    assert refused
    assert served
    assert len(set.union(*(client.ids for client in clients))) == refused + served, "no id is given twice"
    gate = server.school.runtime.gate
    assert (gate.under_way, gate.waiting) == (0, 0)


class _Client:
    def __init__(self, server: Server, chance: random.Random) -> None:
        self._server, self._chance = server, chance
        self.statuses: list[int] = []
        self.ids: set[str] = set()

    async def run(self) -> None:
        asked, heads = 0, ((), ("x-more: 1",))
        for _ in range(self._chance.randrange(1, 4)):
            async with connected(self._server) as connection:
                for _ in range(self._chance.randrange(40)):
                    numbers = range(asked, asked + self._chance.choice([1, 1, 1, 1, 2, 3]))
                    asked = numbers.stop
                    whole = b"".join(
                        [
                            await self._server.request(*self._chance.choice(heads), body=QUESTION % number)
                            for number in numbers
                        ]
                    )
                    await self._send(connection, whole)
                    for number in numbers:
                        status, headers, body = await connection.answer()
                        self.statuses.append(status)
                        self.ids.add(headers["x-request-id"])
                        if status == 200:
                            assert json.loads(body)["data"] == {f"a{number:05d}": {"kind": "API_KEY"}}
                        else:
                            assert status == 503
                            assert json.loads(body)["errors"][0]["extensions"]["code"] == "OVERLOADED"

    async def _send(self, connection: Connection, whole: bytes) -> None:
        while self._chance.random() < 0.2:
            cut = self._chance.randrange(len(whole))
            connection.send(whole[:cut])
            whole = whole[cut:]
            await asyncio.sleep(0)
        connection.send(whole)
