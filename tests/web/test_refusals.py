"""Requests for which there is no room, over real connections: refused by their heads, in turns, counted."""

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial

import pytest

from doors import logged
from full_gate import full
from harka import clock
from harka.auth import api_key
from harka.metrics import Metrics
from harka.web.refusals import Refusals
from raw_server import Connection, Server, connected, later, server
from school import school
from waiting import until

__all__ = ["later", "school", "server"]


async def test_a_refusal_is_an_answer_like_any_other_and_the_connection_goes_on(server: Server) -> None:
    async with connected(server) as connection:
        request = await server.request("accept: application/graphql-response+json")
        status, served, _ = await connection.ask(request)
        assert status == 200
        async with full(server.school):
            before = server.protocols[0].cycle
            status, refused, body = await connection.ask(request)
            assert server.protocols[0].cycle is before, "nothing was made for it"
        (error,) = json.loads(body)["errors"]
        assert status == 503
        assert error["extensions"] == {"code": "OVERLOADED", "requestId": refused["x-request-id"]}
        assert refused["retry-after"] == "1"
        varying = {"content-length", "x-request-id"}
        assert {name: value for name, value in refused.items() if name not in varying | {"retry-after"}} == {
            name: value for name, value in served.items() if name not in varying
        }
        assert (await connection.ask(request))[0] == 200


async def test_whose_credentials_are_bad_hears_of_that(server: Server) -> None:
    async with connected(server) as connection:
        request = (await server.request()).replace(b"x-api-key: ", b"x-api-key: x")
        async with full(server.school):
            assert (await connection.ask(request))[0] == 401


async def test_only_so_many_are_refused_in_a_turn_and_none_is_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harka.web.refusals._IN_A_TURN", 2)
    monkeypatch.setattr("harka.web.refusals._IN_A_SECOND", 0)
    server.refusals._left, held = 2, list[int]()
    later = server.refusals.later
    monkeypatch.setattr(server.refusals, "later", lambda refuse: (held.append(1), later(refuse)))
    request = await server.request()
    reader_writers = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(10)]
    connections = [Connection(*pair) for pair in reader_writers]
    await connections[0].ask(request)
    async with full(server.school):
        for connection in connections:
            connection.send(request)
        connections.pop()
        reader_writers[-1][1].transport.abort()
        answers = [await connection.answer() for connection in connections]
    assert [status for status, _, _ in answers] == [503] * 9
    assert len(held) >= 7
    assert not server.refusals._later
    for connection in connections:
        assert (await connection.ask(request))[0] == 200
    for _, writer in reader_writers:
        writer.close()


async def test_what_is_asked_while_a_refusal_waits_is_answered_behind_it(
    server: Server, later: list[Callable[[], None]]
) -> None:

    async def waits() -> bool:
        return bool(later)

    async with connected(server) as connection:
        request = await server.request()
        async with full(server.school):
            connection.send(request)
            await until(waits)
            connection.send(request)
            await until(server.is_held)
        for refuse in later:
            refuse()
        assert [(await connection.answer())[0] for _ in range(2)] == [503, 200]
        assert (await connection.ask(request))[0] == 200


async def test_who_waits_for_a_refusal_has_it_when_the_server_stops(
    server: Server, later: list[Callable[[], None]]
) -> None:

    async def waits() -> bool:
        return bool(later)

    async with connected(server) as connection:
        request = await server.request()
        async with full(server.school):
            connection.send(request)
            await until(waits)
            server.protocols[0].shutdown()
        assert (await connection.answer())[0] == 503
        # its turn comes all the same
        later[0]()
        assert server.protocols[0].transport.is_closing()


async def test_those_who_wait_for_a_refusal_count_in_their_turn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    refusals, done = Refusals(server.school.runtime), list[int]()
    for number in range(40):
        refusals.later(partial(done.append, number))
    # the first turn begins with the first that is asked for
    assert refusals.may_go_on()
    await asyncio.sleep(0)
    assert done == list(range(32))
    assert not refusals.may_go_on()
    await asyncio.sleep(0)
    assert done == list(range(40))
    assert [refusals.may_go_on() for _ in range(25)] == [True] * 24 + [False]


async def test_after_a_long_turn_more_are_refused_in_the_next(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    refusals = Refusals(server.school.runtime)
    for seconds, most in ((0.0, 32), (0.015625, 250), (0.001, 32), (9.0, 320)):
        while refusals.may_go_on():
            pass
        now[0] += seconds
        await asyncio.sleep(0)
        assert sum(iter(refusals.may_go_on, False)) == most


async def test_a_known_head_is_answered_like_the_first_time(server: Server) -> None:
    request = await server.request("accept: application/graphql-response+json")
    async with connected(server) as connection, full(server.school):
        answers = [await connection.ask(request) for _ in range(3)]
        assert server.protocols[0]._head_timer is None, "it would close the connection"
    names = [headers.pop("x-request-id") for _, headers, _ in answers]
    assert len(set(names)) == 3
    texts = [body.replace(name.encode(), b"") for (_, _, body), name in zip(answers, names, strict=True)]
    assert [(status, headers, text) for (status, headers, _), text in zip(answers, texts, strict=True)] == [
        (503, answers[0][1], texts[0])
    ] * 3


async def test_who_was_refused_and_whose_key_has_gone_hears_of_that(server: Server) -> None:
    """Also while there is no room: what was known of a head goes with the snapshot that it was known by."""
    school = server.school
    made = await api_key.create(
        school.runtime.catalog, school.organization.id, name="soon gone", scopes=["user:read"]
    )
    await school.runtime.directory.reread(school.organization.id)
    request = re.sub(rb"x-api-key: [^\r]+", b"x-api-key: " + made.text.encode(), await server.request())
    async with connected(server) as connection, full(school):
        assert [(await connection.ask(request))[0] for _ in range(3)] == [503] * 3
        await api_key.revoke(school.runtime.catalog, school.organization.id, made.key.prefix)
        await school.runtime.directory.reread(school.organization.id)

        async def is_heard() -> bool:
            return (await connection.ask(request))[0] == 401

        # the doorman hears of it within 50 ms; in ten seconds all is forgotten anyhow
        await until(is_heard, within=5.0)


async def test_refusals_are_counted_and_told_of_together(server: Server) -> None:
    tenant = str(server.school.organization.id)
    metrics = server.refusals._metrics = Metrics(tenants=1)
    with logged() as lines:
        async with connected(server) as connection:
            request = await server.request()
            async with full(server.school):
                for _ in range(3):
                    await connection.ask(request)

        async def told() -> bool:
            return _count(metrics) > 0

        await until(told)
    assert _count(metrics) == 3
    # what another server of this process refused a moment before is told in a line of its own
    told_of = [(line["event"], line["refused"], line["most"]) for line in lines.of("web")]
    assert ("overloaded", 3, {tenant: 3}) in told_of
    assert not lines.of("access")


def _count(metrics: Metrics) -> float:
    page = metrics.exposition().decode().splitlines()
    found = [line for line in page if line.startswith("tenant_api_requests_total") and 'status="503"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)
