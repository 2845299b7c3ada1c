"""Clients that announce a body and do not send it hold nothing of others: no place, no unit of a quota."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from starlette.types import Message

from doors import MakeTenant
from full_gate import full
from harka.auth import api_key
from harka.errors import RateLimitedError
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Resource
from harka.web.whole_body import once_more
from raw_server import Connection, Server, connected, server
from school import school
from scim_school import directory_of
from waiting import until

__all__ = ["school", "server"]

PLACES = 2
"""Of the gate that `gated` makes."""
COUNTING = ("harka.web.middleware.tenant_door.let_in", "harka.web.visitor.let_in")
FORM = "application/x-www-form-urlencoded"


def head(server: Server, line: str, *more: str, host: str = "", length: int = 200) -> bytes:
    named = (f"host: {host or server.school.host}", f"content-length: {length}", *more)
    return "\r\n".join((line, *named, "", "")).encode()


GRAPHQL = ("POST /graphql HTTP/1.1", "content-type: application/json")
EVENTS = (*GRAPHQL, "accept: text/event-stream")
SCIM = ("POST /scim/v2/Users HTTP/1.1", "content-type: application/scim+json")
SIGN_IN = ("POST /auth/sign-in HTTP/1.1", f"content-type: {FORM}")
TOKEN = ("POST /auth/token HTTP/1.1", "content-type: application/json")
WAYS = {"short": GRAPHQL, "events": EVENTS, "scim": SCIM, "form": SIGN_IN, "json": TOKEN}


async def way(server: Server, name: str) -> bytes:
    """The head of a request whose body is still to come."""
    lines = WAYS[name]
    if name == "scim":
        made = await directory_of(server.school)
        lines = (*lines, f"authorization: Bearer {made.token}")
    return head(server, *lines)


async def refuse(*_: object) -> None:
    raise RateLimitedError(retry_after=1.0)


def reading(server: Server, number: int) -> Callable[[], Awaitable[bool]]:
    async def are() -> bool:
        return server.school.runtime.bodies.under_way == number

    return are


async def running(server: Server) -> float:
    """How many of the school's requests count as under way."""
    levels = await server.school.runtime.admission.levels(server.school.organization)
    (level,) = (each for each in levels if each.resource == Resource.CONCURRENT_REQUESTS)
    return level.used


@asynccontextmanager
async def unsent(server: Server, request: bytes, number: int) -> AsyncIterator[Sequence[Connection]]:
    """While the block runs so many have announced a body, and sent some of it."""
    before = server.school.runtime.bodies.under_way
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server)) for _ in range(number)]
        for client in clients:
            client.send(request + b'{"query"')
        await until(reading(server, before + number))
        yield clients
    await until(reading(server, before))


async def require_nothing_held(server: Server) -> None:
    gate = server.school.runtime.gate
    assert (gate.under_way, gate.waiting, gate._concurrency.limit) == (0, 0, PLACES)
    assert await running(server) == 0


async def another(server: Server, make_tenant: MakeTenant) -> tuple[str, str]:
    """The address and a key of another organization."""
    tenant, runtime = await make_tenant(), server.school.runtime
    made = await api_key.create(runtime.catalog, tenant.id, name="test", scopes=[Permission.USER_READ])
    await runtime.directory.reread(tenant.id)
    return f"{tenant.slug}.{runtime.settings.platform_domain}", made.text


@pytest.mark.parametrize("name", WAYS)
async def test_who_sends_no_body_holds_no_place_and_others_are_answered(
    server: Server, make_tenant: MakeTenant, name: str
) -> None:
    """Others of the same organization, those whose body comes in pieces, and another organization's."""
    body = b'{"query": "{ viewer { kind } }"}'
    host, key = await another(server, make_tenant)
    theirs = head(server, *GRAPHQL, f"x-api-key: {key}", host=host, length=len(body)) + body
    request = await server.request(body=body)
    async with unsent(server, await way(server, name), 2 * PLACES):
        await require_nothing_held(server)
        async with connected(server) as client:
            for asked in (request, theirs):
                status, _, answer = await client.ask(asked)
                assert (status, json.loads(answer)["data"]) == (200, {"viewer": {"kind": "API_KEY"}})
            client.send(request[:-9])
            await until(reading(server, 2 * PLACES + 1))
            assert (await client.ask(request[-9:]))[0] == 200
        await require_nothing_held(server)
    await require_nothing_held(server)


@pytest.mark.parametrize("name", WAYS)
async def test_who_takes_long_makes_room_where_there_are_too_many(server: Server, name: str) -> None:
    bodies = server.school.runtime.bodies
    async with unsent(server, await way(server, name), 3) as slow:
        bodies._most_of_one = 3
        async with connected(server) as newcomer:
            newcomer.send(await way(server, name))
            status, headers, body = await slow[0].answer()
            assert (status, int(headers["retry-after"]) > 0) == (503, True)
            assert b"OVERLOADED" in body or name == "scim"
            assert bodies.under_way == 3
            assert not any(client._reader._buffer for client in slow[1:])  # type: ignore[attr-defined] - what came and nobody has read
    await require_nothing_held(server)


async def test_a_stranger_beyond_those_with_a_key_is_refused(server: Server) -> None:
    request = await server.request()
    async with unsent(server, request[:-10], 2) as slow:
        server.school.runtime.bodies._most_of_one = 2
        async with connected(server) as stranger:
            status, headers, _ = await stranger.ask(head(server, *GRAPHQL))
            assert (status, headers["retry-after"]) == (503, "1")
        assert not any(client._reader._buffer for client in slow)  # type: ignore[attr-defined] - what came and nobody has read


@pytest.mark.parametrize("name", WAYS)
async def test_nothing_is_read_of_whom_there_is_no_room_for(server: Server, name: str) -> None:
    request = await way(server, name)
    async with full(server.school), connected(server) as client:
        assert (await client.ask(request))[0] == 503
    await require_nothing_held(server)


@pytest.mark.parametrize("name", WAYS)
async def test_nor_is_whoever_finds_the_line_full_once_the_body_is_here(
    server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """And they are charged nothing."""
    for counting in COUNTING:
        monkeypatch.setattr(counting, refuse)
    async with unsent(server, await way(server, name), 1) as (client,), full(server.school):
        assert (await client.ask(b" " * (200 - len(b'{"query"'))))[0] == 503


async def test_whose_key_has_gone_while_the_body_came_hears_of_that(server: Server) -> None:
    school = server.school
    made = await api_key.create(
        school.runtime.catalog, school.organization.id, name="soon gone", scopes=["user:read"]
    )
    await school.runtime.directory.reread(school.organization.id)
    request = head(server, *GRAPHQL, f"x-api-key: {made.text}", length=9)
    async with unsent(server, request, 1) as (client,):
        await api_key.revoke(school.runtime.catalog, school.organization.id, made.key.prefix)
        await school.runtime.directory.reread(school.organization.id)
        assert (await client.ask(b"}"))[0] == 401


@pytest.mark.parametrize("name", WAYS)
async def test_a_body_that_does_not_come_meets_the_deadline_and_leaves_nothing(
    server: Server, name: str
) -> None:
    request = (await way(server, name)).replace(b"content-type", b"x-request-deadline: 0.05\r\ncontent-type")
    async with connected(server) as client:
        assert (await client.ask(request))[0] == 504
    assert server.school.runtime.bodies.under_way == 0
    await require_nothing_held(server)


async def test_a_body_that_was_read_is_given_once_more_and_then_the_rest() -> None:
    async def rest() -> Message:
        return {"type": "http.disconnect"}

    receive = once_more(b"x", rest)
    assert await receive() == {"type": "http.request", "body": b"x", "more_body": False}
    assert await receive() == await receive() == {"type": "http.disconnect"}
