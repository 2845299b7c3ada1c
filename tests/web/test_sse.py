import asyncio
from collections.abc import AsyncIterator
from typing import Any

from harka.graph.answer import Answer
from harka.ids import NodeKind
from harka.web.sse import finish, once, send_events
from school import School, school

__all__ = ["school"]

LISTEN = "subscription ($id: ID!) { progressChanged(enrollmentId: $id) { resync } }"


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


async def test_a_process_that_stops_leaves_the_stream_unfinished(school: School) -> None:
    """A client takes that for a lost connection, and asks elsewhere."""
    values = {"id": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, school.courses[0]))}
    async with school.stream(LISTEN, values, caller=school.learner) as stream:
        assert await stream.opened() == 200
        assert (await stream.event())[0] == "heartbeat"
        for channel in school.runtime.pubsub._channels.values():
            for subscription in channel.subscriptions:
                subscription.put(None)
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
