import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from harka.codec import from_json
from harka.graph.answer import Answer
from harka.ids import NodeKind
from harka.learning import user
from harka.tenancy.entitling import Wanted, change
from harka.web.sse import finish, once, send_events
from school import School, Socket, Stream, school

__all__ = ["school"]

LISTEN = "subscription ($id: ID!) { progressChanged(enrollmentId: $id) { resync } }"


def listened(school: School) -> dict[str, str]:
    """Variables of `LISTEN`."""
    return {"id": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, school.courses[0]))}


class Line:
    """What the stream writes, and a client that leaves when told to."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.written.append(message)
        self.changed.set()

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.written).decode()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.written) < count:
                self.changed.clear()
                await self.changed.wait()


async def test_answers_are_events_until_they_end() -> None:
    line = Line()

    async def answers() -> AsyncIterator[Answer]:
        yield Answer(body={"data": {"a": 1}})
        yield Answer(body={"data": {"a": "two\nlines"}})

    assert await send_events(answers(), line.receive, line.send)
    await finish(line.send, complete=True)
    start = line.written[0]
    assert (start["status"], (b"content-type", b"text/event-stream") in start["headers"]) == (200, True)
    assert line.text == (
        ':\n\nevent: next\ndata: {"data":{"a":1}}\n\n'
        'event: next\ndata: {"data":{"a":"two\\nlines"}}\n\n'
        "event: complete\ndata: \n\n"
    )
    assert [message.get("more_body") for message in line.written[1:]] == [True, True, True, False]


async def test_silence_is_broken_by_heartbeats() -> None:
    line = Line()

    async def silent() -> AsyncIterator[Answer]:
        await asyncio.Event().wait()
        yield Answer(body={})

    sending = asyncio.create_task(send_events(silent(), line.receive, line.send, heartbeat=0.01))
    await line.until(4)
    line.left.set()
    assert not await sending
    assert {message["body"] for message in line.written[1:]} == {b":\n\n"}


async def test_a_client_that_leaves_ends_what_was_waited_for() -> None:
    line, ended = Line(), asyncio.Event()

    async def silent() -> AsyncIterator[Answer]:
        try:
            await asyncio.Event().wait()
            yield Answer(body={})
        finally:
            ended.set()

    sending = asyncio.create_task(send_events(silent(), line.receive, line.send))
    await line.until(2)
    line.left.set()
    assert not await sending
    assert ended.is_set()


async def test_one_answer_is_a_stream_too() -> None:
    assert [answer.body async for answer in once(Answer(body={"data": 1}))] == [{"data": 1}]


async def test_queries_and_mistakes_are_answered_on_the_stream(school: School) -> None:
    for document, key in (("{ viewer { kind } }", "data"), ("{ nothing }", "errors"), ("{", "errors")):
        async with school.stream(document, caller=school.learner) as stream:
            assert await stream.opened() == 200
            assert (await stream.event())[0] == "heartbeat"
            name, told = await stream.event()
            assert (name, next(iter(told))) == ("next", key)
            assert (await stream.event())[0] == "complete"
            await stream.task


async def test_what_is_no_request_is_no_stream(school: School) -> None:
    response = await school.send(
        content=b"{", headers={"content-type": "application/json", "accept": "text/event-stream"}
    )
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def stop(school: School) -> None:
    """What subscriptions hear of a process that stops."""
    for channel in school.runtime.pubsub._channels.values():
        for subscription in channel.subscriptions:
            subscription.put(None)


async def test_a_process_that_stops_leaves_the_stream_unfinished(school: School) -> None:
    """A client takes that for a lost connection, and asks elsewhere."""
    async with school.stream(LISTEN, listened(school), caller=school.learner) as stream:
        assert await stream.opened() == 200
        assert (await stream.event())[0] == "heartbeat"
        stop(school)
        assert (await stream.event())[0] == "end"
        await stream.task


async def test_the_record_tells_of_the_stream(school: School) -> None:
    async with school.stream(
        "query Named { courses(first: 1) { totalCount } }", caller=school.learner
    ) as stream:
        assert await stream.opened() == 200
        while (await stream.event())[0] != "complete":
            pass
        await stream.task
    record = school.app.record
    assert (record.operation, record.code, record.statements) == ("Named", "", 3)


async def allow(school: School, sockets: int) -> None:
    await change(
        school.runtime.catalog, school.organization, Wanted(limits={"sockets": sockets}), actor="test"
    )
    await school.runtime.directory.reread(school.organization.id)


async def listens(stream: Stream) -> None:
    assert await stream.opened() == 200
    assert await stream.event() == ("heartbeat", None)


async def is_refused(school: School, limit: int) -> None:
    """As a stream and as a WebSocket."""
    async with school.stream(LISTEN, listened(school), caller=school.learner) as stream:
        start = await stream.receive()
        told = from_json((await stream.receive())["body"])["errors"][0]["extensions"]
        assert (start["status"], told["code"]) == (429, "RATE_LIMITED")
        assert (told["resource"], told["limit"]) == ("SOCKETS", limit)
        headers = dict(start["headers"])
        assert headers[b"content-type"].startswith(b"application/json")
        assert int(headers[b"retry-after"]) >= 1
    async with school.socket() as socket:
        await opening(school, socket)
        code, reason = await socket.closed()
        told = from_json(reason)
        assert (code, told.pop("retryAfter") >= 1) == (4429, True)
        assert told == {"code": "RATE_LIMITED", "resource": "SOCKETS", "limit": limit}


async def opening(school: School, socket: Socket) -> None:
    assert (await socket.receive())["type"] == "websocket.accept"
    socket.say("connection_init", payload=await school.headers(school.learner))


async def test_streams_and_sockets_share_what_the_plan_has(school: School) -> None:
    await allow(school, 2)
    async with school.stream(LISTEN, listened(school), caller=school.learner) as first:
        await listens(first)
        async with school.stream(LISTEN, listened(school), caller=school.learner) as second:
            await listens(second)
            await is_refused(school, 2)
            async with school.stream("{ viewer { kind } }", caller=school.learner) as brief:
                # answered and over: it bounds nobody
                await listens(brief)
                assert "data" in (await brief.event())[1]
        async with school.socket() as socket:
            await opening(school, socket)
            assert await socket.hear() == {"type": "connection_ack"}
            await is_refused(school, 2)
        async with school.stream(LISTEN, listened(school), caller=school.learner) as third:
            await listens(third)
            await is_refused(school, 2)


async def leave(school: School, stream: Stream) -> None:
    stream.send({"type": "http.disconnect"})
    await stream.task


async def drain(school: School, stream: Stream) -> None:
    stop(school)
    assert (await stream.event())[0] == "end"


async def dismiss(school: School, stream: Stream) -> None:
    async with school.work() as work:
        await user.deactivate(work, school.other.id)
    await school.listeners.look()
    assert (await stream.event())[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await stream.event())[0] == "complete"


async def kill(_school: School, stream: Stream) -> None:
    stream.task.cancel()
    await asyncio.wait([stream.task])
    # nobody is to wait for it any more
    stream.task = asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize("end", [leave, drain, dismiss, kill])
async def test_however_a_stream_ends_another_may_come_and_one_only(school: School, end: Any) -> None:
    await allow(school, 1)
    own = {"id": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.other, school.courses[0]))}
    async with school.stream(LISTEN, own, caller=school.other) as stream:
        await listens(stream)
        await end(school, stream)
        async with school.stream(LISTEN, listened(school), caller=school.learner) as following:
            await listens(following)
            await is_refused(school, 1)


async def test_a_stream_that_never_begins_holds_no_socket(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    await allow(school, 1)
    unknown = {"id": school.id(NodeKind.ENROLLMENT, school.courses[0])}
    async with school.stream(LISTEN, unknown, caller=school.learner) as refused:
        await listens(refused)
        assert "errors" in (await refused.event())[1]
        assert (await refused.event())[0] == "complete"

    async def broken(*_args: Any) -> None:
        raise LookupError

    with monkeypatch.context() as patched:
        patched.setattr("harka.graph.execution.Engine.subscribe", broken)
        async with school.stream(LISTEN, listened(school), caller=school.learner) as failing:
            assert await failing.opened() == 500
            await failing.task
    async with school.stream(LISTEN, listened(school), caller=school.learner) as following:
        await listens(following)
        await is_refused(school, 1)
