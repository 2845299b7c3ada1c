"""Requests for which there is no place yet: they wait at their protocol, and nothing is made of them."""

import asyncio
import json
import math
import operator
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from doors import logged
from full_gate import filled, full, organization_of
from harka import clock
from harka.auth import api_key
from harka.errors import OverloadedError, RateLimitedError
from harka.repositories.organization import Organization
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from harka.web.protocol import MAX_HEAD_BYTES
from harka.web.turn import Turn
from raw_server import Server, connected, later, server
from school import school
from tenancy.samples import organization
from waiting import until

__all__ = ["later", "school", "server"]

COUNTING = "harka.web.middleware.tenant_door.let_in"

Answer = tuple[int, dict[str, str], bytes]

COUNT = b'{"query": "{ users(first: 1) { totalCount } }"}'
"""Of what no cache keeps."""
LISTEN = b'{"query": "subscription { progressChanged(courseId: \\"x\\") { resync } }"}'


@asynccontextmanager
async def crowded(server: Server, who: Organization | None = None) -> AsyncIterator[None]:
    """While the block runs one holds all the places that it may, and one of its requests waits."""
    gate, one = server.school.runtime.gate, who or organization_of(server.school)
    async with filled(gate, one, line=False):
        waits = asyncio.create_task(gate.wait(gate.flow(one), Rank.PARTNER, math.inf))
        await asyncio.sleep(0)
        assert gate.waiting == 1
        try:
            yield
        finally:
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)


def waiting(server: Server, number: int) -> Callable[[], Awaitable[bool]]:
    async def is_it() -> bool:
        return server.school.runtime.gate.waiting == number

    return is_it


def turn_of(server: Server) -> Turn:
    turn = server.protocols[-1]._turn
    assert turn is not None
    return turn


def code_of(body: bytes) -> str:
    (error,) = json.loads(body)["errors"]
    code: str = error["extensions"]["code"]
    return code


async def count_nothing(*_: object) -> None:
    pass


async def refuse(*_: object) -> None:
    raise RateLimitedError(retry_after=1.0)


def require_all_given_back(server: Server) -> None:
    gate = server.school.runtime.gate
    assert (gate.under_way, gate.waiting, gate._ends) == (0, 0, {})


@asynccontextmanager
async def lined_up(server: Server, request: bytes) -> AsyncIterator[list[Answer]]:
    """While the block runs it waits; then it is answered, and the answer is in the list."""
    answers: list[Answer] = []
    async with connected(server) as connection:
        async with crowded(server):
            connection.send(request)
            await until(waiting(server, 2))
            yield answers
        answers.append(await connection.answer())
    require_all_given_back(server)


async def test_nothing_is_made_of_a_request_before_its_turn(server: Server) -> None:
    async with connected(server) as connection:
        request = await server.request()
        first = await connection.ask(request)
        async with crowded(server):
            before = server.protocols[0].cycle
            connection.send(request)
            await until(waiting(server, 2))
            assert server.protocols[0].cycle is before
            assert not server.protocols[0].tasks
        status, headers, body = await connection.answer()
        assert (status, json.loads(body)["data"]) == (200, json.loads(first[2])["data"])
        assert headers.keys() == first[1].keys()
        assert (await connection.ask(request))[0] == 200
    require_all_given_back(server)


async def test_for_whom_there_is_a_place_has_it_whoever_waits(server: Server) -> None:
    """And holds it as soon as it comes, so that others in the same turn of the loop see that."""
    gate = server.school.runtime.gate
    async with connected(server) as connection, crowded(server, organization("another")):
        assert (await connection.ask(await server.request()))[0] == 200
        assert (gate.under_way, gate.waiting) == (1, 1)
    require_all_given_back(server)


async def test_those_who_come_in_one_turn_of_the_loop_get_in_line_one_by_one(server: Server) -> None:
    gate = server.school.runtime.gate
    gate._room = 4
    request = await server.request()
    async with connected(server) as one, connected(server) as two, connected(server) as three:
        connections = [one, two, three]
        for each in connections:
            await each.ask(request)
        async with crowded(server):
            gate._room = 3
            for protocol in server.protocols:
                protocol.data_received(request)
            assert gate.waiting == 3
            statuses = [(await three.answer())[0]]
        statuses += [(await each.answer())[0] for each in (one, two)]
    assert statuses == [503, 200, 200]
    require_all_given_back(server)


async def test_what_waits_for_nothing_is_seen_by_the_gate_and_refused_like_any_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other would be answered in a turn of the loop, and be its queue, however many come."""
    # the ledger, which has to be asked for so many at once, would let them in by and by
    monkeypatch.setattr(COUNTING, count_nothing)
    request = await server.request()
    async with AsyncExitStack() as opened:
        connections = [await opened.enter_async_context(connected(server)) for _ in range(6)]
        for each in connections:
            assert (await each.ask(request))[0] == 200
        for protocol in server.protocols:
            protocol.data_received(request)
        statuses = [(await each.answer())[0] for each in connections]
    # the first was done when the second came, which has the place, and two wait
    assert sorted(statuses) == [200, 200, 200, 200, 503, 503]
    require_all_given_back(server)


@pytest.mark.parametrize("has_asked_more", [False, True])
async def test_whose_client_leaves_is_gone_from_the_line(server: Server, *, has_asked_more: bool) -> None:
    request = await server.request()
    with logged() as lines:
        async with crowded(server):
            async with connected(server) as connection:
                connection.send(request)
                await until(waiting(server, 2))
                if has_asked_more:
                    connection.send(request[:9])
                    await until(server.is_held)
            await until(waiting(server, 1))
            assert server.protocols[0].cycle is None
    (line,) = lines.of("access")
    tenant = str(server.school.organization.id)
    assert (line["status"], line["tenant"], line["route"]) == (499, tenant, "graphql")
    assert line["milliseconds"] > 0
    require_all_given_back(server)


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [("x-request-deadline: 0.02", 504, "DEADLINE_EXCEEDED"), ("x-other: 1", 503, "OVERLOADED")],
)
async def test_who_waits_for_too_long_is_told_so_and_neither_counted_nor_executed(
    server: Server, monkeypatch: pytest.MonkeyPatch, header: str, status: int, code: str
) -> None:
    monkeypatch.setattr("harka.tenancy.gate._LONGEST", 0.05)
    monkeypatch.setattr(COUNTING, refuse)
    request = await server.request(header)
    with logged() as lines:
        async with connected(server) as connection, crowded(server):
            seen, headers, body = await connection.ask(request)
            assert (seen, code_of(body)) == (status, code)
            assert ("retry-after" in headers) == (status == 503)
    (line,) = lines.of("access")
    assert (line["status"], line["code"], line["milliseconds"] >= 19) == (status, code, True)
    require_all_given_back(server)


async def test_a_deadline_that_is_none_is_told_at_once(server: Server) -> None:
    async with connected(server) as connection, crowded(server):
        status, _, body = await connection.ask(await server.request("x-request-deadline: soon"))
        assert (status, code_of(body)) == (400, "BAD_REQUEST")


async def test_the_time_counts_from_when_it_came(server: Server) -> None:
    """For its deadline, and for the log."""
    timeout = server.school.runtime.settings.request_timeout
    with logged() as lines:
        async with lined_up(server, await server.request()) as answers:
            turn_of(server).since -= 2.0
        assert answers[0][0] == 200
        async with lined_up(server, await server.request("x-request-deadline: 5", body=COUNT)) as answers:
            turn_of(server).since -= 6.0
        assert code_of(answers[0][2]) == "DEADLINE_EXCEEDED"
        async with lined_up(server, await server.request(body=COUNT)) as answers:
            turn_of(server).since -= timeout
        assert code_of(answers[0][2]) == "DEADLINE_EXCEEDED"
    took = [line["milliseconds"] for line in lines.of("access")]
    assert len(took) == 3
    assert all(map(operator.ge, took, (2000, 6000, 1000 * timeout)))


async def test_a_person_takes_the_place_in_line_of_a_program(server: Server) -> None:
    school = server.school
    gate, flow = school.runtime.gate, school.runtime.gate.flow(organization_of(school))
    person: asyncio.Task[None] | None = None
    async with connected(server) as connection:
        async with crowded(server):
            gate._room = 2
            connection.send(await server.request())
            await until(waiting(server, 2))
            gate._room = 1
            person = asyncio.create_task(gate.wait(flow, Rank.INTERACTIVE, math.inf))
            status, _, body = await connection.answer()
            assert (status, code_of(body), gate.waiting) == (503, "OVERLOADED", 2)
        await person
        gate.leave(flow, clock.monotonic())
    require_all_given_back(server)


async def test_what_is_asked_meanwhile_is_answered_behind_it(server: Server) -> None:
    async with connected(server) as connection:
        one, two = await server.request(), await server.request(body=b'{"query": "{ a }"}')
        async with crowded(server):
            connection.send(one)
            await until(waiting(server, 2))
            connection.send(two + two)
            await until(server.is_held)
        bodies = [(await connection.answer())[2] for _ in range(3)]
        assert [b'"errors"' in body for body in bodies] == [False, True, True]
        assert (await connection.ask(one))[0] == 200
    require_all_given_back(server)


async def test_who_has_waited_is_served_however_many_wait_by_now(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await server.request()
    async with connected(server) as connection:
        # or the ledger would have to be asked
        assert (await connection.ask(request))[0] == 200
    async with lined_up(server, request) as answers:
        monkeypatch.setattr(Gate, "has_room", lambda *_: False)
    assert answers[0][0] == 200


async def test_only_so_much_is_held_while_a_request_waits(server: Server) -> None:
    gate, request = server.school.runtime.gate, await server.request()
    async with connected(server) as connection, crowded(server):
        connection.send(request)
        await until(waiting(server, 2))
        protocol, turn = server.protocols[0], turn_of(server)
        head = b"POST /graphql HTTP/1.1\r\nhost: a\r\nx: %b\r\ncontent-length: 1000000\r\n\r\n" % (
            b"x" * 10_000
        )
        protocol.data_received(head + b"y" * (MAX_HEAD_BYTES - 10_000))
        assert protocol.flow.read_paused
        gate.withdraw(turn)
        turn.set_exception(OverloadedError())
        assert not protocol.flow.read_paused
        assert (await connection.answer())[0] == 503


async def test_what_is_wrong_with_one_is_not_another_ones_matter(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request begins while another one ends."""
    async with connected(server) as first, connected(server) as second:
        async with crowded(server):
            server.school.runtime.gate._room = 4
            for number, connection in enumerate((first, second)):
                connection.send(await server.request())
                await until(waiting(server, 2 + number))
            broken = server.protocols[0]
            monkeypatch.setattr(broken, "_take", lambda *_: 1 / 0)
        assert (await second.answer())[0] == 200
        with pytest.raises(asyncio.IncompleteReadError):
            await first.answer()
    require_all_given_back(server)


async def test_who_leaves_at_the_very_moment_of_a_turn_gives_the_place_back(server: Server) -> None:
    async with connected(server) as connection:
        async with crowded(server):
            connection.send(await server.request())
            await until(waiting(server, 2))
            turn = turn_of(server)
        assert turn._has_place
        server.protocols[0].transport.abort()

        async def is_free() -> bool:
            return not server.school.runtime.gate.under_way

        await until(is_free)
    require_all_given_back(server)


@pytest.mark.parametrize(("has_room", "status"), [(True, 200), (False, 503)])
async def test_a_place_is_not_kept_while_the_ledger_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch, *, has_room: bool, status: int
) -> None:
    """Nor is it asked for whom there is no other one."""
    gate, admission = server.school.runtime.gate, server.school.runtime.admission
    wait_in, under_way = admission.wait_in, list[int]()

    async def asks(organization: Organization) -> Any:
        under_way.append(gate.under_way)
        return await wait_in(organization)

    monkeypatch.setattr(admission, "enter", lambda _: None)
    monkeypatch.setattr(admission, "wait_in", asks)
    async with lined_up(server, await server.request()) as answers:
        monkeypatch.setattr(Gate, "has_room", lambda *_: has_room)
    assert answers[0][0] == status
    assert under_way == ([0] if has_room else [])


async def test_a_refusal_that_was_called_for_is_not_given_again(
    server: Server, later: list[Callable[[], None]]
) -> None:
    """When the server stops they are given at once; their turn comes all the same."""
    request = await server.request()

    async def is_refused() -> bool:
        return bool(later)

    async with connected(server) as connection:
        async with crowded(server):
            server.school.runtime.gate._room = 1
            connection.send(request)
            await until(is_refused)
            connection.send(request)
            await until(server.is_held)
            server.school.runtime.gate._room = 2
            server.protocols[0].shutdown()
            assert (await connection.answer())[0] == 503
            assert server.school.runtime.gate.waiting == 2
            later[0]()
        status, headers, _ = await connection.answer()
        assert (status, headers["connection"]) == (200, "close")
    require_all_given_back(server)


async def test_who_waits_when_the_server_stops_is_answered_last(server: Server) -> None:
    async with lined_up(server, await server.request()) as answers:
        server.protocols[0].shutdown()
        assert not server.protocols[0].transport.is_closing()
    status, headers, _ = answers[0]
    assert (status, headers["connection"]) == (200, "close")


async def test_whose_key_has_gone_meanwhile_hears_of_that_and_gives_the_place_back(server: Server) -> None:
    school = server.school
    made = await api_key.create(
        school.runtime.catalog, school.organization.id, name="soon gone", scopes=["user:read"]
    )
    await school.runtime.directory.reread(school.organization.id)
    request = re.sub(rb"x-api-key: [^\r]+", b"x-api-key: " + made.text.encode(), await server.request())
    async with lined_up(server, request) as answers:
        await api_key.revoke(school.runtime.catalog, school.organization.id, made.key.prefix)
        await school.runtime.directory.reread(school.organization.id)
    assert answers[0][0] == 401


async def test_who_may_ask_no_more_gives_the_place_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(COUNTING, refuse)
    async with lined_up(server, await server.request()) as answers:
        pass
    assert answers[0][0] == 429


async def test_a_place_goes_to_whose_it_is_and_once() -> None:
    """The address of a request may change hands while it waits."""
    gate, one, other = Gate(most=4, patience=1.0), organization("one"), organization("other")
    taken, lost, left = [Turn(gate, gate.flow(one), Rank.INTERACTIVE, lambda _: None) for _ in range(3)]
    assert all(turn.enter(1.0) for turn in (taken, lost, left))
    assert taken.place_of(one) == (gate.flow(one), taken._began)
    assert taken.place_of(one) is None
    assert lost.place_of(other) is None
    assert gate.under_way == 2
    for turn in (taken, lost, left, left):
        turn.end()
    assert gate.under_way == 1
    gate.leave(gate.flow(one), clock.monotonic())
    assert gate.under_way == 0


async def test_an_unused_place_is_paid_for_by_the_time_it_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    gate = Gate(most=4, patience=100.0)
    flow = gate.flow(organization())
    while gate.enter(flow):
        pass
    flow.cost = 1.0
    turns = [Turn(gate, flow, Rank.INTERACTIVE, lambda _: None) for _ in range(2)]
    assert not any(turn.enter(500.0) for turn in turns)
    now = 101.0
    gate.leave(flow, 100.0)
    gate._limit = 0
    now = 101.25
    turns[0].end()
    assert (gate.waiting, flow.debt) == (1, -0.75)


async def test_a_stream_of_events_waits_for_a_place_and_then_holds_none(server: Server) -> None:
    request = await server.request("accept: text/event-stream", body=LISTEN)
    gate = server.school.runtime.gate
    async with connected(server) as connection:
        async with crowded(server):
            connection.send(request)
            await until(waiting(server, 2))
        head = await asyncio.wait_for(connection._reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert (gate.under_way, gate.waiting) == (0, 0)
    async with connected(server) as connection, full(server.school):
        assert (await connection.ask(request))[0] == 503
