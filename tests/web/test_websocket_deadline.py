"""How long operations on a socket may take, and whom they let pass: `X-Request-Deadline`, `Priority`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import websockets

from full_gate import full, gated
from harka import clock
from harka.storage.location import admin_url
from harka.storage.migrate import connected
from harka.tenancy.permission import Permission
from school import School, school, until
from sockets import advance, init, is_listened_to, listen, opened

__all__ = ["school"]

COUNT = {"query": "{ users(first: 1) { totalCount } }"}
"""Of what no cache keeps."""


@asynccontextmanager
async def locked(school: School) -> AsyncIterator[None]:
    """While nobody may read who is there."""
    location = school.organization.location
    async with (
        connected(admin_url(school.runtime.settings, location.database)) as owner,
        owner.transaction(),
    ):
        await owner.execute(f'LOCK TABLE {location.schema}."user" IN ACCESS EXCLUSIVE MODE')
        yield


HURRIED = {"x-request-deadline": "0.8"}


@pytest.mark.parametrize(
    ("handshake", "payload", "extensions"),
    [
        (HURRIED, {}, {}),
        ({}, HURRIED, {}),
        ({}, {}, {"deadline": 0.8}),
        ({"x-request-deadline": "600"}, HURRIED, {"deadline": 600}),
        (HURRIED, {"x-request-deadline": "600"}, {"deadline": 1e30}),
    ],
)
async def test_an_operation_ends_by_the_least_deadline_that_was_said(
    school: School, handshake: dict[str, str], payload: dict[str, str], extensions: dict[str, Any]
) -> None:
    """From when it comes: that the socket is older than that does not count."""
    async with school.socket(headers=handshake) as socket:
        began = clock.monotonic()
        await init(socket, {**await school.headers(tuple(Permission)), **payload})
        while clock.monotonic() < began + 0.9:
            socket.say("ping")
            assert await socket.hear() == {"type": "pong"}
        socket.say("subscribe", id="1", payload={**COUNT, "extensions": extensions})
        assert (await socket.hear())["payload"]["data"]["users"]["totalCount"] == 4
        assert (await socket.hear())["type"] == "complete"
        async with locked(school):
            began = clock.monotonic()
            socket.say("subscribe", id="2", payload={**COUNT, "extensions": extensions})
            told = await socket.hear()
            # the server's own is ten seconds
            assert clock.monotonic() - began < 5.0
        errors = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == "DEADLINE_EXCEEDED"


async def test_a_handshake_may_be_older_than_its_deadline(school: School) -> None:
    async with school.socket(headers=HURRIED) as socket:
        await opened(socket)
        began = clock.monotonic()
        while clock.monotonic() < began + 0.9:
            socket.say("ping")
            assert await socket.hear() == {"type": "pong"}
        # who it is has to be looked up
        socket.say("connection_init", payload=await school.headers(school.learner))
        assert await socket.hear() == {"type": "connection_ack"}


async def test_a_subscription_lasts_longer_than_its_deadline(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        began = clock.monotonic()
        socket.say("subscribe", id="a", payload={**listen(school), "extensions": {"deadline": 0.8}})
        await is_listened_to(school)
        while clock.monotonic() < began + 0.9:
            socket.say("ping")
            assert await socket.hear() == {"type": "pong"}
        await advance(school, 1)
        told = await socket.hear()
        assert told["payload"]["data"]["progressChanged"]["enrollment"] == {"progress": 0.25}


async def waits(school: School, count: int) -> bool:
    return school.runtime.gate.waiting == count


@pytest.mark.parametrize(
    ("handshake", "payload", "extensions"),
    [
        ({}, {}, {"priority": "u=7"}),
        ({}, {"Priority": "u=7"}, {}),
        ({"priority": "u=0"}, {}, {"priority": "u=7"}),
    ],
)
async def test_an_operation_of_the_background_lets_others_pass(
    school: School, handshake: dict[str, str], payload: dict[str, str], extensions: dict[str, Any]
) -> None:
    own = gated(school, most=1)
    program = await own.headers(tuple(Permission))
    async with own.socket(headers=handshake) as slow, own.socket() as fast:
        await init(slow, {**program, **payload})
        await init(fast, program)
        async with full(own, line=False):
            own.runtime.gate._room = 2
            for number in (1, 2):
                slow.say("subscribe", id=str(number), payload={**COUNT, "extensions": extensions})
                await until(partial(waits, own, number))
            # the line is one long now: who comes with more of a claim takes the place of all but the first
            own.runtime.gate._room = 1
            fast.say("subscribe", id="1", payload=COUNT)
            refused = await slow.hear()
            assert (refused["id"], refused["payload"][0]["extensions"]["code"]) == ("2", "OVERLOADED")
        assert (await fast.hear())["type"] == "next"


@pytest.mark.parametrize("given", [["soon"], ["0"], ["1", "2"]])
async def test_a_handshake_with_a_deadline_that_is_none_is_refused(
    school: School, live_server: Any, given: list[str]
) -> None:
    address = live_server.address.replace("http", "ws") + "/graphql"
    headers = [("x-request-deadline", each) for each in given]
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(
            address, subprotocols=["graphql-transport-ws"], additional_headers=headers
        ):
            raise AssertionError
    assert refused.value.response.status_code == 400
    assert b"X-Request-Deadline" in (refused.value.response.body or b"")
