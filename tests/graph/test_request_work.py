"""What a request costs, in counts that no machine changes: statements, calls of functions, objects that stay.

The bounds stand in `benchmarks/budgets.toml`. Where one is passed, somebody decides: mend it, or accept more.
"""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable

import pytest
from budgets import Calls, read_calls
from starlette.types import Message

from doors import logged
from harka.codec import from_json, json_bytes
from harka.ids import NodeKind
from harka.learning.work import UnitOfWork
from harka.tenancy.permission import Permission
from school import School
from storage.writes import Writes
from work_count import counted

OPERATIONS = {
    "one course": ('{ course(code: "%s") { id code title status createdAt } }', 1),
    "courses, modules, lessons": (
        "{ courses(first: 3) { nodes { id code title modules { title lessons { id title weight } } } } }",
        3,
    ),
    "enrollments, user, course": (
        "{ enrollments(first: 8) { totalCount nodes { id status user { name } course { title } } } }",
        4,
    ),
    "people, a page of enrollments each": (
        "{ users(first: 8) { nodes { id name enrollments(first: 3) { totalCount nodes { id status } } } } }",
        3,
    ),
}
RENAME = """mutation ($id: ID!, $version: Int!) {
  updateUser(input: {id: $id, version: $version, name: "Ada"}) { errors { code } } }"""
TRIPS = {
    "one course": 1,
    "courses, modules, lessons": 2,
    "enrollments, user, course": 2,
    "people, a page of enrollments each": 3,
}
WARM = 20
MANY = 1_000
Ask = Callable[[], Awaitable[bytes]]


async def asking(school: School, name: str) -> Ask:
    text = OPERATIONS[name][0].replace("%s", school.courses[0].code)
    headers = {"content-type": "application/json", **await school.headers(tuple(Permission))}
    body = json_bytes({"query": text})

    async def ask() -> bytes:
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: Message) -> None:
            sent.append(message)

        await school.app(school.scope("http", headers, method="POST"), receive, send)
        answer: bytes = sent[1]["body"]
        return answer

    for _ in range(WARM):
        assert "errors" not in from_json(await ask())
    return ask


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_statements_of_an_operation(school: School, name: str) -> None:
    school = school.with_settings(cache_answers=False)
    ask = await asking(school, name)
    await ask()
    assert school.app.record.statements == OPERATIONS[name][1]


@pytest.mark.compiled
@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_round_trips_of_an_operation(school: School, name: str) -> None:
    """Of statements that need not wait for each other, and of the end, which goes along with the last."""
    ask = await asking(school.with_settings(executor="compiled", cache_answers=False), name)
    pool = school.runtime.databases.pool(school.organization.database)
    seen = [Writes.of(wire) for wire in pool._idle]
    await ask()
    trips = sum(len(each.found) for each in seen)
    assert not pool.used
    # what looks on would look on for ever
    pool.terminate()
    assert trips == TRIPS[name]


async def test_what_has_happened_is_written_in_the_round_trip_of_the_commit(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = school.runtime.databases.pool(school.organization.database)
    learner = school.id(NodeKind.USER, school.learner)

    async def trips(versions: range) -> int:
        for version in versions:
            seen = [Writes.of(wire) for wire in pool._idle]
            reply = await school.ask(RENAME, {"id": learner, "version": version})
            assert reply.data["updateUser"]["errors"] == []
        assert not pool.used
        # the last: by then everything is prepared
        return sum(len(each.found) for each in seen)

    telling = await trips(range(1, 4))
    monkeypatch.setattr(UnitOfWork, "record", lambda *_, **__: None)
    assert await trips(range(4, 7)) == telling > 0
    # what looks on would look on for ever
    pool.terminate()


@pytest.mark.compiled
@pytest.mark.parametrize("budget", read_calls(), ids=lambda budget: budget.operation)
async def test_a_request_calls_no_more_functions_than_accepted(school: School, budget: Calls) -> None:
    ask = await asking(school.with_settings(executor="compiled", cache_answers=False), budget.operation)
    calls = []
    for _ in range(WARM):
        with counted() as made:
            await ask()
        calls.append(made.total)
    # the other tasks of the process take turns, too: the least is the request alone
    assert 0 < min(calls) <= budget.most


async def test_requests_leave_nothing_behind(school: School) -> None:
    ask = await asking(school.with_settings(cache_answers=False), "one course")
    left = []
    for _ in range(3):
        gc.collect()
        # what is here already need not be looked through again
        gc.freeze()
        before = sys.getallocatedblocks()
        # of its own, and written to its end: lines that wait for a writer would be counted
        with logged():
            for _ in range(MANY):
                await ask()
        gc.collect()
        left.append(sys.getallocatedblocks() - before)
    # at first pools and caches fill; timers are under way at any moment
    assert min(left) < MANY // 2
