import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from entering import Visitor, give_password, visiting
from harka.auth import api_key
from harka.codec import from_json, json_bytes
from harka.config import Settings
from harka.ids import NodeKind
from harka.learning import user
from harka.repositories.user import User
from harka.storage.databases import Databases
from harka.storage.session import ShardSession
from harka.tenancy.permission import Permission
from school import School, Socket, school
from served import served

__all__ = ["school"]

QUERY = {"query": "{ viewer { kind } }"}
LISTEN = "subscription ($id: ID!) { progressChanged(enrollmentId: $id) { resync } }"
UNAUTHORIZED = 4401


@asynccontextmanager
async def admitted(school: School, caller: User | tuple[Permission, ...]) -> AsyncIterator[Socket]:
    async with school.socket() as socket:
        assert (await socket.receive())["type"] == "websocket.accept"
        socket.say("connection_init", payload=await school.headers(caller))
        assert await socket.hear() == {"type": "connection_ack"}
        yield socket


async def is_answered(socket: Socket) -> bool:
    socket.say("subscribe", id="1", payload=QUERY)
    told: dict[str, Any] = await socket.hear()
    return (await socket.hear())["type"] == "complete" and "errors" not in told["payload"]


async def deactivate(school: School, person: User) -> None:
    async with school.work() as work:
        await user.deactivate(work, person.id)


async def test_a_deactivated_user_is_sent_away_and_nobody_else_is(school: School) -> None:
    async with admitted(school, school.learner) as gone, admitted(school, school.other) as stays:
        await deactivate(school, school.learner)
        await school.listeners.look()
        assert (await gone.closed())[0] == UNAUTHORIZED
        assert await is_answered(stays)


async def test_whoever_shows_a_revoked_key_is_sent_away(school: School) -> None:
    scopes = (Permission.COURSE_READ,)
    async with admitted(school, scopes) as gone, admitted(school, tuple(Permission)) as stays:
        prefix = api_key.prefix_of(school.keys[scopes])
        await api_key.revoke(school.runtime.catalog, school.organization.id, prefix)
        await school.runtime.directory.reread(school.organization.id)
        await school.listeners.look()
        assert (await gone.closed())[0] == UNAUTHORIZED
        assert await is_answered(stays)


async def test_whoever_is_signed_out_is_sent_away_and_their_other_browser_is_not(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as here, visiting(school) as there:
        await here.sign_in(school.learner.email)
        await there.sign_in(school.learner.email)
        async with opened(school, here) as gone, opened(school, there) as stays:
            await here.post("/auth/sign-out", await here.form("/auth/sign-out"))
            await school.listeners.look()
            assert (await gone.closed())[0] == UNAUTHORIZED
            assert await is_answered(stays)


async def test_a_cookie_opens_no_socket_for_another_page(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        for origin in ("https://evil.example", "null", "http://sibling.harka.localhost"):
            headers = {"cookie": f"harka={browser.cookies['harka']}", "origin": origin}
            async with school.socket(headers=headers) as socket:
                assert (await socket.receive())["type"] == "websocket.accept"
                socket.say("connection_init")
                assert (await socket.closed())[0] == 4403


@asynccontextmanager
async def opened(school: School, browser: Visitor) -> AsyncIterator[Socket]:
    """A socket of a page at the school's own address."""
    headers = {"cookie": f"harka={browser.cookies['harka']}", "origin": browser.origin}
    async with school.socket(headers=headers) as socket:
        assert (await socket.receive())["type"] == "websocket.accept"
        socket.say("connection_init")
        assert await socket.hear() == {"type": "connection_ack"}
        yield socket


async def test_a_stream_ends_with_the_reason(school: School) -> None:
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    variables = {"id": school.id(NodeKind.ENROLLMENT, enrollment)}
    async with school.stream(LISTEN, variables, caller=school.learner) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        await deactivate(school, school.learner)
        await school.listeners.look()
        name, told = await stream.event()
        assert (name, told["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await stream.event() == ("complete", None)


async def test_one_statement_for_all_of_an_organization(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    fetch = ShardSession.fetch

    async def counted(session: ShardSession, *args: Any) -> Any:
        sent.append(session.tenant)
        return await fetch(session, *args)

    async with (
        admitted(school, school.learner),
        admitted(school, school.learner),
        admitted(school, school.other),
    ):
        monkeypatch.setattr(ShardSession, "fetch", counted)
        await school.listeners.look()
    assert sent == [school.organization.id]
    sent.clear()
    await school.listeners.look()
    assert not sent, "who has left is not asked about"


async def test_nobody_is_sent_away_while_the_database_is_down(school: School) -> None:
    away = msgspec.structs.replace(
        school.runtime.settings, app_database_url="postgresql://harka_app@127.0.0.1:1/x"
    )
    runtime = msgspec.structs.replace(school.runtime, databases=Databases(away))
    async with admitted(school, school.learner) as socket:
        await deactivate(school, school.learner)
        listeners = School(runtime, school.organization).listeners
        listeners._open |= school.listeners._open
        await listeners.look()
        socket.say("ping")
        assert await socket.hear() == {"type": "pong"}
    await runtime.databases.close()


async def test_a_served_socket_on_which_nothing_happens_is_closed(
    school: School, settings: Settings, tmp_path: Path
) -> None:
    credentials = await school.headers(school.learner)
    async with served(settings, tmp_path / "log") as address:
        port = int(address.rpartition(":")[2])
        async with connect(
            f"ws://{school.host}/graphql",
            host="127.0.0.1",
            port=port,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            additional_headers=credentials,
        ) as socket:
            await socket.send(json_bytes({"type": "connection_init"}).decode())
            assert from_json(await socket.recv()) == {"type": "connection_ack"}
            await deactivate(school, school.learner)
            # in the longest case two looks; the rest is for a busy machine
            async with asyncio.timeout(20):
                await socket.wait_closed()
            assert socket.close_code == UNAUTHORIZED
