import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from doors import logged
from harka.ids import NodeKind
from harka.storage.statement import Statement
from harka.web.connection import CONNECTION, ClientConnection, while_connected
from school import School, school
from waiting import until

__all__ = ["school"]

HOLD = Statement("test.hold", "SELECT id FROM {schema}.course WHERE tenant_id = $1 FOR UPDATE")
UPDATE = "mutation Rename($input: UpdateCourseInput!) { updateCourse(input: $input) { course { title } } }"


class Work:
    """Waits until told to go on; remembers how it ended, and takes a while to."""

    def __init__(self) -> None:
        self.begun, self.proceed = asyncio.Event(), asyncio.Event()
        self.ended = ""

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.proceed.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.ended = "cancelled"
            raise
        self.ended = "done"
        return "answer"


async def carried(connection: ClientConnection, work: Work) -> str:
    """As a request: what it raises, and that its task is as before."""
    task = asyncio.current_task()
    assert task is not None
    try:
        return await connection.carry(work())
    except ClientDisconnect:
        return "gone"
    finally:
        assert task.cancelling() == 0 or work.ended == "cancelled"


async def begun(connection: ClientConnection) -> tuple[Work, asyncio.Task[str]]:
    work = Work()
    task = asyncio.create_task(carried(connection, work))
    await work.begun.wait()
    return work, task


async def test_work_is_done_while_the_client_waits() -> None:
    work, task = await begun(ClientConnection())
    work.proceed.set()
    assert (await task, work.ended) == ("answer", "done")


async def test_a_client_that_leaves_cancels_the_work_and_its_end_is_waited_for() -> None:
    connection = ClientConnection()
    work, task = await begun(connection)
    connection.lose()
    assert (await task, work.ended) == ("gone", "cancelled")
    assert task.cancelling() == 0


async def test_for_a_client_that_has_left_nothing_is_begun() -> None:
    connection = ClientConnection()
    connection.lose()
    work = Work()
    assert await carried(connection, work) == "gone"
    assert not work.begun.is_set()


async def test_between_requests_nobody_is_cancelled() -> None:
    connection = ClientConnection()
    work, task = await begun(connection)
    work.proceed.set()
    await task
    connection.lose()
    assert task.cancelling() == 0


async def test_whoever_else_cancels_is_obeyed() -> None:
    for also_lost in (False, True):
        connection = ClientConnection()
        work, task = await begun(connection)
        if also_lost:
            connection.lose()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert work.ended == "cancelled"


async def test_work_that_ends_well_all_the_same_is_answered() -> None:
    connection = ClientConnection()

    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "answer"
        return ""

    async def request() -> str:
        answer = await connection.carry(stubborn())
        async with asyncio.timeout(5):  # would end at once, were the task still asked to
            await asyncio.sleep(0)
        return answer

    task = asyncio.create_task(request())
    await asyncio.sleep(0)
    connection.lose()
    assert (await task, task.cancelling()) == ("answer", 0)


async def test_what_the_work_raises_is_raised() -> None:
    async def broken() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await ClientConnection().carry(broken())


@pytest.mark.parametrize("leaves", [True, False])
async def test_another_server_is_asked_for_the_departure(leaves: bool) -> None:  # noqa: FBT001 - a parameter of the test
    left, work = asyncio.Event(), Work()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(while_connected({"type": "http"}, receive, work()))
    await work.begun.wait()
    if leaves:
        left.set()
        with pytest.raises(ClientDisconnect):
            await task
    else:
        work.proceed.set()
        assert await task == "answer"
    assert work.ended == ("cancelled" if leaves else "done")


async def test_the_protocols_connection_is_used_where_there_is_one() -> None:
    async def never() -> Message:
        raise AssertionError

    scope = {"type": "http", CONNECTION: ClientConnection()}

    async def work() -> str:
        return "answer"

    assert await while_connected(scope, never, work()) == "answer"


Client = Callable[[bytes], Awaitable[asyncio.StreamWriter]]


@pytest.fixture
async def client(live_server: Any) -> AsyncIterator[Client]:
    """Sends bytes to a real server, and does not wait for an answer."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(sent: bytes) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection("127.0.0.1", live_server.settings.port)
        writers.append(writer)
        writer.write(sent)
        return writer

    yield connect
    for writer in writers:
        writer.close()


def bytes_of(school: School, headers: dict[str, str], body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    given = {"host": school.host, "content-type": "application/json", "content-length": str(len(content))}
    lines = [f"{name}: {value}" for name, value in (given | headers).items()]
    return "\r\n".join(["POST /graphql HTTP/1.1", *lines, "", ""]).encode() + content


async def test_over_a_real_connection_a_client_that_leaves_gives_back_what_it_held(
    school: School, live_server: Any, client: Client
) -> None:
    server = live_server.server._application._runtime
    headers = await school.headers(school.owner)
    course = school.courses[0]
    values = {"input": {"id": school.id(NodeKind.COURSE, course), "version": 1, "title": "New"}}
    question = bytes_of(school, headers, {"query": UPDATE, "variables": values})

    async def is_known() -> bool:
        """The other process hears of the new organization by NOTIFY."""
        async with httpx2.AsyncClient(base_url=live_server.address, headers=headers) as http:
            asked = await http.post("/graphql", json={"query": "{ viewer { kind } }"})
        return asked.status_code == 200

    async def uses(connections: int) -> bool:
        return bool(server.databases.connections()["used"] == connections)

    await until(is_known)
    await until(lambda: uses(0))
    with logged(msgspec.structs.replace(school.runtime.settings, log_format="json")) as lines:
        async with school.work() as work:
            await work.session.fetch(HOLD)
            # the second one waits in line behind the first on the same connection
            writer = await client(question + question)
            await until(lambda: uses(1))
            writer.transport.abort()
            await until(lambda: uses(0))
    (line,) = lines.of("access")
    assert (line["status"], line["code"], line["operation"]) == (499, "CLIENT_GONE", "Rename")
    async with school.work() as work:
        assert (await work.session.fetch_row(TITLE, course.id))["title"] == course.title  # type: ignore[index] - it is there


TITLE = Statement("test.title", "SELECT title FROM {schema}.course WHERE tenant_id = $1 AND id = $2")
