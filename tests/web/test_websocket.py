import asyncio
import contextlib
import io
import json
from typing import Any

import httpx2
import msgspec
import pytest
import websockets
from uvicorn.protocols.utils import ClientDisconnected

from doors import logged
from full_gate import full, gated
from harka import clock, logs
from harka.errors import RateLimitedError
from harka.metrics import Metrics
from harka.repositories.organization import Organization
from harka.storage.statement import Statement
from harka.tenancy.allowance import Allowance
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.permission import Permission
from harka.tenancy.quota import Admission
from harka.web import websocket
from school import School, graphql_scope, school, until
from sockets import advance, init, is_listened_to, listen, opened

__all__ = ["school"]

QUERY = {"query": "{ viewer { kind } }"}
DISMISS = Statement(
    "test.dismiss", """UPDATE {schema}."user" SET status = 'inactive' WHERE tenant_id = $1 AND id = $2"""
)


async def test_a_query_is_answered_and_over(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        for _ in range(2):
            socket.say("subscribe", id="1", payload=QUERY)
            assert await socket.hear() == {
                "id": "1",
                "type": "next",
                "payload": {"data": {"viewer": {"kind": "USER"}}},
            }
            assert await socket.hear() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize("where", ["payload", "other case", "handshake"])
async def test_credentials_come_in_the_payload_or_in_the_handshake(school: School, where: str) -> None:
    headers = await school.headers([Permission.COURSE_READ])
    handshake = headers if where == "handshake" else None
    async with school.socket(headers=handshake) as socket:
        payload = (
            {name.title(): value for name, value in headers.items()} if where == "other case" else headers
        )
        await init(socket, None if where == "handshake" else payload)
        socket.say("subscribe", id="1", payload=QUERY)
        assert (await socket.hear())["payload"]["data"]["viewer"] == {"kind": "API_KEY"}


async def test_nobody_may_connect_and_ask_who_they_are(school: School) -> None:
    async with school.socket() as socket:
        await init(socket)
        socket.say("subscribe", id="1", payload=QUERY)
        assert (await socket.hear())["payload"] == {"data": {"viewer": None}}


async def test_a_subscription_goes_on_until_the_client_has_enough(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="a", payload=listen(school))
        await is_listened_to(school)
        for fraction in (0.5, 1):
            await advance(school, fraction)
            told = await socket.hear()
            assert (told["id"], told["type"]) == ("a", "next")
            assert told["payload"]["data"]["progressChanged"]["enrollment"] == {"progress": fraction / 4}
        socket.say("complete", id="a")
        await is_listened_to(school, 0)
        socket.say("ping")
        # nothing follows the client's own complete
        assert await socket.hear() == {"type": "pong"}


async def test_operations_run_beside_each_other(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="a", payload=listen(school))
        await is_listened_to(school)
        socket.say("subscribe", id="b", payload=QUERY)
        assert [(await socket.hear())["id"], (await socket.hear())["id"]] == ["b", "b"]
        await advance(school, 1)
        assert (await socket.hear())["id"] == "a"
    await is_listened_to(school, 0)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": 'subscription { progressChanged(enrollmentId: "x") { resync } }'}, "INVALID_ID"),
        ({"query": "query ($x: Int!) { courses(first: $x) { totalCount } }"}, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_operation_that_fails_is_an_error_and_the_socket_goes_on(
    school: School, payload: dict[str, Any], code: str
) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload=payload)
        told = await socket.hear()
        assert (told["id"], told["type"]) == ("1", "error") or told["payload"]["data"] is None
        errors = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == code
        if told["type"] == "next":
            assert (await socket.hear())["type"] == "complete"
        socket.say("subscribe", id="1", payload=QUERY)
        assert (await socket.hear())["type"] == "next"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 4400),
        ("[]", 4400),
        ("1", 4400),
        ('{"type": "nonsense"}', 4400),
        ("{}", 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { kind } }"}}', 4401),
        ('{"type": "connection_init", "payload": 1}', 4400),
        ('{"type": "connection_init", "payload": {"authorization": 1}}', 4400),
        ('{"type": "connection_init", "payload": {"authorization": "Bearer \u00e9"}}', 4400),
        ('{"type": "connection_init", "payload": {"authorization": "Bearer nonsense"}}', 4401),
        ('{"type": "connection_init", "payload": {"x-api-key": "hk_nonsense"}}', 4401),
        ('{"type": "connection_init", "payload": {"x-request-deadline": "soon"}}', 4400),
        ('{"type": "connection_init", "payload": {"x-request-deadline": 1}}', 4400),
    ],
)
async def test_a_first_message_that_breaks_the_protocol_ends_it(school: School, text: str, code: int) -> None:
    async with school.socket() as socket:
        await opened(socket)
        socket.send({"type": "websocket.receive", "text": text})
        assert (await socket.closed())[0] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "subscribe", "payload": QUERY}, 4400),
        ({"type": "subscribe", "id": "", "payload": QUERY}, 4400),
        ({"type": "subscribe", "id": 1, "payload": QUERY}, 4400),
        ({"type": "subscribe", "id": "1"}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": 1}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {**QUERY, "variables": []}}, 4400),
        *(
            ({"type": "subscribe", "id": "1", "payload": {**QUERY, "extensions": said}}, 4400)
            for said in (
                [],
                {"deadline": 0},
                {"deadline": -1.5},
                {"deadline": "1"},
                {"deadline": True},
                {"priority": 7},
            )
        ),
    ],
)
async def test_a_later_message_that_breaks_the_protocol_ends_it(
    school: School, message: dict[str, Any], code: int
) -> None:
    async with school.socket() as socket:
        await init(socket)
        socket.send({"type": "websocket.receive", "text": json.dumps(message)})
        assert (await socket.closed())[0] == code


async def test_an_id_in_use_ends_it_and_what_was_listened_to(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload=listen(school))
        await is_listened_to(school)
        socket.say("subscribe", id="1", payload=QUERY)
        assert await socket.closed() == (4409, "Subscriber for 1 already exists")
        await is_listened_to(school, 0)


async def test_bytes_are_no_messages(school: School) -> None:
    async with school.socket() as socket:
        await opened(socket)
        socket.send({"type": "websocket.receive", "bytes": b"{}"})
        assert (await socket.closed())[0] == 4400


async def test_a_message_has_a_largest_size(school: School) -> None:
    async with school.socket() as socket:
        await opened(socket)
        text = " " * (school.runtime.settings.max_body_bytes + 1)
        socket.send({"type": "websocket.receive", "text": text})
        assert (await socket.closed())[0] == 1009


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"], ["graphql-ws", "soap"]])
async def test_the_older_protocol_is_not_spoken(school: School, protocols: list[str]) -> None:
    async with school.socket(protocols=protocols) as socket:
        assert (await socket.receive())["subprotocol"] is None
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_who_has_left_before_it_is_accepted_is_no_bug(school: School) -> None:
    async def connect() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def gone(_: object) -> None:
        raise ClientDisconnected

    scope = graphql_scope("websocket", school.host, {}, subprotocols=[websocket.PROTOCOL])
    with logged() as lines:
        await school.app(scope, connect, gone)
    assert not lines.of("web")
    assert not school.app.record.code


async def test_who_says_nothing_is_sent_away(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "INIT_SECONDS", 0.05)
    async with school.socket() as socket:
        await opened(socket)
        socket.say("ping")
        assert await socket.hear() == {"type": "pong"}
        assert (await socket.closed())[0] == 4408


async def test_a_socket_runs_only_so_many_operations(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_OPERATIONS", 1)
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload=listen(school))
        socket.say("subscribe", id="2", payload=QUERY)
        told = await socket.hear()
        assert (told["id"], told["type"]) == ("2", "error")
        assert told["payload"][0]["extensions"]["code"] == "GRAPHQL_LIMIT_EXCEEDED"


async def test_all_that_is_said_must_name_one_organization(school: School, make_tenant: Any) -> None:
    other = School(school.runtime, await make_tenant())
    async with other.socket() as socket:
        await opened(socket)
        socket.say("connection_init", payload=await school.headers(school.learner))
        assert (await socket.closed())[0] == 4403
    async with school.socket(headers=await other.headers([Permission.COURSE_READ])) as socket:
        await opened(socket)
        socket.say("connection_init", payload=await school.headers(school.learner))
        assert (await socket.closed())[0] == 4403


async def test_the_credential_names_the_organization_at_a_neutral_address(school: School) -> None:
    async with school.socket(headers={"host": school.runtime.settings.platform_domain}) as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload={"query": "{ organization { slug } }"})
        told = await socket.hear()
        assert told["payload"]["data"]["organization"] == {"slug": school.organization.slug}


async def test_each_operation_asks_anew_who_it_is(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        async with school.work() as work:
            await work.session.execute(DISMISS, school.learner.id)
        socket.say("subscribe", id="1", payload=QUERY)
        told = await socket.hear()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


async def test_a_process_that_stops_says_so(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload=listen(school))
        await is_listened_to(school)
        school.draining.begin()
        assert (await socket.closed())[0] == 1001
        await is_listened_to(school, 0)


async def test_an_operation_has_a_line_and_a_count_of_its_own(school: School) -> None:
    # metrics of its own: among many tenants this one would be counted among the others
    runtime = msgspec.structs.replace(school.runtime, metrics=Metrics(tenants=1))
    school = School(runtime, school.organization, school.people)
    log = io.StringIO()
    with logs.writing(runtime.settings, log):
        async with school.socket() as socket:
            await init(socket, await school.headers(school.learner))
            payload = {"query": "query Named { courses(first: 1) { totalCount } }"}
            socket.say("subscribe", id="1", payload=payload)
            assert (await socket.hear())["type"] == "next"
            assert (await socket.hear())["type"] == "complete"
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (operation,) = [line for line in lines if line["event"] == "operation"]
    assert (operation["operation"], operation["status"], operation["statements"]) == ("Named", 200, 3)
    assert operation["tenant"] == str(school.organization.id)
    counted = runtime.metrics.exposition().decode()
    assert 'endpoint="Named",status="200"' in counted


async def test_a_real_socket_speaks_the_protocol(school: School, live_server: Any) -> None:
    headers = await school.headers(school.learner)
    async with httpx2.AsyncClient(base_url=live_server.address, headers=headers) as client:

        async def is_known() -> bool:
            """The other process hears of the new organization by NOTIFY."""
            return (await client.post("/graphql", json=QUERY)).status_code == 200

        await until(is_known)
    address = live_server.address.replace("http", "ws") + "/graphql"
    async with websockets.connect(address, subprotocols=["graphql-transport-ws"]) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
        await socket.send(json.dumps({"type": "connection_init", "payload": headers}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": QUERY}))
        told = json.loads(await socket.recv())
        assert told["payload"] == {"data": {"viewer": {"kind": "USER"}}}


def refusal(said: str) -> tuple[str, str, str, float]:
    """What a socket that is refused is closed with: which limit, how much it is, and when to come again."""
    code, reason = said.split(" ", 1)
    told = json.loads(reason)
    assert isinstance(told["retryAfter"], int)
    assert told["retryAfter"] >= 1
    return code, told["code"], told["resource"], told["limit"]


async def test_real_sockets_and_streams_are_as_many_as_the_plan_has(school: School, live_server: Any) -> None:
    most = 3
    await change(school.runtime.catalog, school.organization, Wanted(limits={"sockets": most}), actor="test")
    headers = await school.headers(tuple(Permission))
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx2.AsyncClient(base_url=live_server.address, headers=headers)
        )

        async def is_known() -> bool:
            """The other process hears of it by NOTIFY."""
            asked = {"query": "{ organization { quota { limits { resource limit } } } }"}
            told = (await client.post("/graphql", json=asked)).json().get("data") or {"organization": None}
            limits = (told["organization"] or {"quota": {"limits": []}})["quota"]["limits"]
            return {"resource": "SOCKETS", "limit": float(most)} in limits

        await until(is_known)
        address = live_server.address.replace("http", "ws") + "/graphql"

        async def opened_by(stack: contextlib.AsyncExitStack) -> str:
            """What is said to one that would like to be let in."""
            socket = await stack.enter_async_context(
                websockets.connect(address, subprotocols=["graphql-transport-ws"])
            )
            await socket.send(json.dumps({"type": "connection_init", "payload": headers}))
            try:
                return str(json.loads(await socket.recv())["type"])
            except websockets.ConnectionClosed:
                return f"{socket.close_code} {socket.close_reason}"

        async with contextlib.AsyncExitStack() as leaving:
            first = [await opened_by(leaving if n == 0 else stack) for n in range(most + 1)]
            assert first[:most] == ["connection_ack"] * most
            assert refusal(first[most]) == ("4429", "RATE_LIMITED", "SOCKETS", most)
            events = {"accept": "text/event-stream"}
            streamed = await client.post("/graphql", json=listen(school), headers=events)
            told = streamed.json()["errors"][0]["extensions"]
            assert (streamed.status_code, told["code"], told["resource"]) == (429, "RATE_LIMITED", "SOCKETS")

        async def streams() -> bool:
            """Once the server has heard that one has left."""
            request = client.build_request("POST", "/graphql", json=listen(school), headers=events)
            response = await client.send(request, stream=True)
            if response.status_code != 200:
                await response.aclose()
                return False
            stack.push_async_callback(response.aclose)
            return True

        await until(streams)
        assert refusal(await opened_by(stack)) == ("4429", "RATE_LIMITED", "SOCKETS", most)


async def test_who_has_said_who_they_are_may_stay(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "INIT_SECONDS", 0.05)
    async with school.socket() as socket:
        await init(socket)
        start = clock.monotonic()
        while clock.monotonic() < start + 0.1:
            socket.say("ping")
            assert await socket.hear() == {"type": "pong"}


async def test_an_id_that_is_used_again_is_in_use(school: School) -> None:
    async with school.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload=listen(school))
        await is_listened_to(school)
        socket.say("complete", id="1")
        socket.say("subscribe", id="1", payload=listen(school))
        # the end of the first operation has not freed the id of the second
        await is_listened_to(school, 0)
        await is_listened_to(school)
        socket.say("subscribe", id="1", payload=listen(school))
        assert (await socket.closed())[0] == 4409


async def test_each_operation_is_a_request_to_the_rate_limit(school: School) -> None:
    class Spent(Admission):
        asked = 0

        def enter(self, organization: Organization) -> Allowance | None:
            self.asked += 1
            if self.asked > 2:
                raise RateLimitedError(retry_after=1.0)
            return super().enter(organization)

    limited = School(
        msgspec.structs.replace(school.runtime, admission=Spent()), school.organization, school.people
    )
    async with limited.socket() as socket:
        await init(socket, await school.headers(school.learner))
        socket.say("subscribe", id="1", payload=QUERY)
        assert [(await socket.hear())["type"] for _ in range(2)] == ["next", "complete"]
        socket.say("subscribe", id="2", payload=QUERY)
        told = await socket.hear()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")


@pytest.mark.parametrize(
    ("origin", "code"), [("https://evil.example", 4403), (None, 4403), ("http://{host}", 4401)]
)
async def test_a_cookie_counts_only_from_a_page_of_ours(
    school: School, origin: str | None, code: int
) -> None:
    headers = {"cookie": "harka=" + "x" * 43}
    if origin is not None:
        headers["origin"] = origin.format(host=school.host)
    async with school.socket(headers=headers) as socket:
        await opened(socket)
        socket.say("connection_init")
        # there are no sessions yet: a cookie of our own page is a bad credential
        assert (await socket.closed())[0] == code


async def test_a_page_of_another_site_may_use_a_credential_of_its_own(school: School) -> None:
    async with school.socket(headers={"origin": "https://partner.example"}) as socket:
        await init(socket, await school.headers(school.learner))


async def test_an_operation_waits_for_a_place_and_a_subscription_holds_none(school: School) -> None:
    own = gated(school)
    gate = own.runtime.gate
    async with own.socket() as socket:
        await init(socket, await own.headers(tuple(Permission)))
        async with full(own):
            socket.say("subscribe", id="refused", payload={"query": "{ viewer { kind } }"})
            refused = await socket.hear()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "OVERLOADED")
        async with full(own, line=False):
            socket.say("subscribe", id="waits", payload={"query": "{ viewer { kind } }"})
            while not gate.waiting:  # noqa: ASYNC110 - the gate tells nobody
                await asyncio.sleep(0)
        assert (await socket.hear())["type"] == "next"
        assert (await socket.hear())["type"] == "complete"
        socket.say("subscribe", id="listens", payload=listen(own))
        await is_listened_to(own)
        while gate.under_way:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0)
        assert gate.waiting == 0
