import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from harka import logs
from harka.config import Settings
from harka.errors import UnavailableError
from harka.graph import batch
from harka.graph.batch import UncoveredError
from harka.graph.cursor import Listing
from harka.ids import NodeKind
from harka.learning import course as courses
from harka.repositories import course as course_rows
from harka.storage.statement import Statement
from harka.storage.wire import Wire
from harka.tenancy.permission import Permission
from school import School, until

UPDATE = """mutation ($input: UpdateCourseInput!) {
  updateCourse(input: $input) { errors { code } course { title } } }"""
HOLD = Statement("test.hold", "SELECT id FROM {schema}.course WHERE tenant_id = $1 FOR UPDATE")
WAITERS = Statement(
    "test.waiters",
    """SELECT count(*) FROM pg_locks WHERE NOT granted
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.course') IS NOT NULL""",
)


def update(school: School, title: str = "New", number: int = 0) -> dict[str, Any]:
    return {"input": {"id": school.id(NodeKind.COURSE, school.courses[number]), "version": 1, "title": title}}


async def title(school: School, number: int = 0) -> str:
    async with school.work() as work:
        return (await course_rows.find_by_ids(work.session, [school.courses[number].id]))[0].title


@asynccontextmanager
async def held(school: School) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Nobody else can change a course; gives a function that waits until so many try."""
    async with school.work() as work:
        await work.session.fetch(HOLD)

        async def tried(count: int) -> None:
            await until(lambda: is_tried(count))

        async def is_tried(count: int) -> bool:
            return bool(await work.session.fetch_value(WAITERS) == count)

        yield tried


def impatient(school: School, seconds: float) -> School:
    return school.with_settings(request_timeout=seconds)


def unplanned(school: School) -> School:
    """Its operations are all executed by graphql-core."""
    return school.with_settings(executor="graphql-core")


async def test_an_operation_that_needs_no_sql_opens_no_transaction(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was asked for")

    await school.headers(tuple(Permission))
    monkeypatch.setattr(asyncpg.Connection, "execute", refuse)
    assert (await school.ask("{ viewer { kind } organization { name } }")).data["viewer"] == {
        "kind": "API_KEY"
    }


@pytest.mark.parametrize("executor", ["compiled", "graphql-core"])
@pytest.mark.parametrize(
    ("document", "statements"),
    [
        ("{ a: courses(first: 1) { totalCount } users(first: 1) { totalCount } }", 4),
        ("{ nodes(ids: [$course, $user, $enrollment]) { id } }", 3),
        ("{ user(id: $user) { id } node(id: $enrollment) { id } }", 2),
        ("{ courses(first: 2) { nodes { modules { id } enrollments(first: 5) { nodes { id } } } } }", 3),
        ("{ enrollments(first: 2) { totalCount nodes { user { id } course { id } } } }", 4),
        ("{ courses(first: 2) { nodes { modules { lessons { id } } } } }", 3),
    ],
)
async def test_all_fields_of_a_query_share_one_snapshot(
    school: School, monkeypatch: pytest.MonkeyPatch, executor: str, document: str, statements: int
) -> None:
    for kind, row in (
        ("course", school.courses[0]),
        ("user", school.owner),
        ("enrollment", school.enrollments[0]),
    ):
        document = document.replace(f"${kind}", f'"{school.id(NodeKind[kind.upper()], row)}"')
    school = school.with_settings(executor=executor, cache_answers=False)
    await school.ask(document)
    begun, led_in = [], Wire.led_in

    def leading_in(wire: Wire, tenant: bytes, *args: Any, **options: Any) -> bytes:
        if tenant:
            # those of nobody are the process's own looks at the catalog
            begun.append(tenant)
        return led_in(wire, tenant, *args, **options)

    monkeypatch.setattr(Wire, "led_in", leading_in)
    reply = await school.ask(document)
    assert reply.data
    assert reply.statements == statements
    # each leads a transaction in
    assert len(begun) == 1


async def test_a_query_cannot_write(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    async def write(work: Any, **_: Any) -> int:
        await courses.archive(work, school.courses[0].id)
        return 1

    monkeypatch.setattr(courses, "count", write)
    reply = await school.ask("{ courses(first: 1) { totalCount } }")
    assert reply.code == "INTERNAL"
    async with school.work() as work:
        (kept,) = await course_rows.find_by_ids(work.session, [school.courses[0].id])
    assert kept.status == "published"


async def test_when_all_are_refused_nothing_is_kept(school: School) -> None:
    stale = {**update(school)["input"], "version": 9}
    reply = await school.ask(UPDATE, {"input": stale})
    assert (reply.status, reply.code) == (200, "CONFLICT")
    assert await title(school) == school.courses[0].title


async def test_a_commit_that_fails_is_the_answer(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes behind the last statement, in the same round trip."""
    lead_out, send, ending = Wire.lead_out, Wire.send_prepared, []

    def note_commit(wire: Wire) -> None:
        ending.append(wire)
        lead_out(wire)

    async def break_commit(wire: Wire, *args: Any, **options: Any) -> Any:
        if wire in ending:
            raise asyncpg.ConnectionDoesNotExistError("gone")
        return await send(wire, *args, **options)

    monkeypatch.setattr(Wire, "lead_out", note_commit)
    monkeypatch.setattr(Wire, "send_prepared", break_commit)
    reply = await school.ask(UPDATE, update(school))
    monkeypatch.undo()
    assert ending
    assert (reply.status, reply.code) == (503, "UNAVAILABLE")
    assert "data" not in reply.body
    assert await title(school) == school.courses[0].title


async def test_the_deadline_ends_an_operation_that_waits(school: School) -> None:
    async with held(school) as tried:
        waiting = asyncio.create_task(impatient(school, 0.5).ask(UPDATE, update(school)))
        await tried(1)
        reply = await waiting
        await tried(0)
    assert reply.code == "DEADLINE_EXCEEDED"
    assert await title(school) == school.courses[0].title


async def test_a_deadline_that_passes_without_the_database_ends_it_too(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any, **__: Any) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(courses, "count", never)
    reply = await impatient(school, 0.2).ask("{ courses(first: 1) { totalCount } }")
    assert (reply.status, reply.codes) == (504, ["DEADLINE_EXCEEDED"])
    assert "data" not in reply.body


async def test_a_client_that_leaves_takes_its_work_along(school: School) -> None:
    headers = await school.headers(school.owner)
    body = json.dumps({"query": UPDATE, "variables": update(school)}).encode()
    left = asyncio.Event()
    sent: list[Any] = []
    requests = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        for message in requests:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = school.scope("http", {"content-type": "application/json", **headers}, method="POST")
    async with held(school) as tried:
        request = asyncio.create_task(school.app(scope, receive, send))
        await tried(1)
        left.set()
        await request
        await tried(0)
    assert sent == []
    assert school.app.record.code == "CLIENT_GONE"
    assert await title(school) == school.courses[0].title


@pytest.mark.fails_plans
async def test_a_bug_is_masked_and_logged_once(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(*_: Any, **__: Any) -> int:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("harka.graph.loaders.enrollment.enrollment.count_by_course", bug)
    log = io.StringIO()
    with logs.writing(school.runtime.settings, log):
        reply = await school.ask(
            "{ courses(first: 3) { nodes { title enrollments(first: 1) { totalCount } } } }"
        )
    assert reply.status == 200
    assert [error["message"] for error in reply.body["errors"]] == ["Something went wrong on our side."] * 3
    assert {error["extensions"]["requestId"] for error in reply.body["errors"]} == {
        reply.headers["x-request-id"]
    }
    assert "secret" not in json.dumps(reply.body)
    assert [node["title"] for node in reply.body["data"]["courses"]["nodes"]] == [
        c.title for c in school.courses
    ]
    bugs = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "bug"]
    (line,) = bugs
    assert "a secret of ours" in line["traceback"]
    assert line["request_id"] == reply.headers["x-request-id"]


async def test_a_clients_mistake_is_one_short_line(school: School) -> None:
    log = io.StringIO()
    with logs.writing(school.runtime.settings, log):
        for bad in (
            "{",
            "{ nothing }",
            '{ node(id: "garbage") { id } }',
            "{ courses(first: -1) { totalCount } }",
        ):
            await school.ask(bad)
    lines = log.getvalue().splitlines()
    assert len(lines) == 4
    assert all(json.loads(line)["event"] == "request" and len(line) < 500 for line in lines)
    codes = [json.loads(line)["code"] for line in lines]
    assert codes == ["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "INVALID_ID", "VALIDATION_FAILED"]


async def test_variables_that_do_not_fit_are_refused_before_anything_is_done(school: School) -> None:
    for variables in (
        {},
        {"input": None},
        {"input": {"id": "x"}},
        {"input": {**update(school)["input"], "x": 1}},
    ):
        reply = await school.ask(UPDATE, variables)
        assert reply.codes == ["GRAPHQL_VALIDATION_FAILED"] * len(reply.codes)
        assert "data" not in reply.body
        assert reply.statements == 0


@pytest.mark.parametrize("executor", ["compiled", "graphql-core"])
async def test_null_for_an_argument_that_is_never_null_is_the_clients_mistake(
    school: School, executor: str
) -> None:
    """The variable may be null, and has a value where it is absent."""
    asked = "query ($first: Int = 1) { courses(first: $first) { totalCount } }"
    school = school.with_settings(executor=executor)
    assert (await school.ask(asked)).data == {"courses": {"totalCount": 4}}
    refused = await school.ask(asked, {"first": None})
    assert (refused.code, refused.body["data"]) == ("GRAPHQL_VALIDATION_FAILED", {"courses": None})


async def test_the_record_names_the_operation_and_its_cost(school: School) -> None:
    reply = await school.ask("query Named { courses(first: 1) { totalCount } }")
    assert (reply.record.operation, reply.record.statements, reply.record.code) == ("Named", 2, "")
    reply = await school.ask("{ viewer { kind } }")
    assert reply.record.operation == "viewer"


async def test_siblings_of_a_failure_have_ended_with_the_answer(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A non-null field that fails empties its parent; what else was asked of the parent must not run on."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any, **__: Any) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    async def bug(*_: Any, **__: Any) -> dict[Any, Any]:
        await begun.wait()
        raise RuntimeError

    monkeypatch.setattr("harka.graph.loaders.module.module.by_course", bug)
    monkeypatch.setattr("harka.graph.loaders.enrollment.enrollment.pages_by_course", slow)
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    reply = await unplanned(school).ask(
        f'{{ course(id: "{id_}") {{ modules {{ id }} enrollments(first: 1) {{ totalCount }} }} }}'
    )
    assert reply.body["data"] == {"course": None}
    assert reply.code == "INTERNAL"
    assert ended.is_set()


@pytest.mark.fails_plans
async def test_what_a_failure_leaves_behind_is_stopped_too(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that fails at once does not wait for its siblings: they end with the operation all the same."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any, **__: Any) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    def bug(*_: Any) -> str:
        raise RuntimeError

    monkeypatch.setattr(courses, "count", slow)
    monkeypatch.setattr(Listing, "seal", bug)
    reply = await school.ask("{ courses(first: 1) { totalCount edges { cursor } } }")
    assert (reply.code, reply.body["data"]) == ("INTERNAL", {"courses": None})
    for _ in range(3):
        await asyncio.sleep(0)
    assert begun.is_set() == ended.is_set()


@pytest.mark.compiled
@pytest.mark.fails_plans
@pytest.mark.parametrize(
    ("failure", "reason"),
    [(UncoveredError, "not_plain"), (UnavailableError, "failed"), (ZeroDivisionError, "unexpected")],
)
async def test_a_plan_that_is_left_is_counted_and_a_bug_of_its_own_is_logged(
    school: School, monkeypatch: pytest.MonkeyPatch, failure: type[Exception], reason: str
) -> None:
    async def fail(*_: Any) -> None:
        raise failure

    def left() -> dict[str, float]:
        found = school.runtime.metrics.registry.collect()
        samples = [each for family in found if family.name == "harka_plans_left" for each in family.samples]
        return {each.labels["reason"]: each.value for each in samples}

    school = school.with_settings(executor="compiled")
    before, log = left(), io.StringIO()
    monkeypatch.setattr(batch, "execute", fail)
    with logs.writing(Settings(), log):
        reply = await school.ask("{ courses(first: 1) { totalCount } }")
    assert reply.data["courses"]["totalCount"] == 4
    after = left()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {reason: 1}
    assert ("plan failed" in log.getvalue()) is (reason == "unexpected")
