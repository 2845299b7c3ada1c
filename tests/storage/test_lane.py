"""Reads of many tenants in line on one connection, of a real server."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from harka.config import Settings
from harka.errors import DeadlineExceededError, ValidationError
from harka.storage import lane
from harka.storage.databases import Databases
from harka.storage.lane import Described
from harka.storage.location import Location, app_url
from harka.storage.session import open_session
from harka.storage.statement import Statement
from harka.storage.wire import Wire
from records import sent
from storage.asking import COUNT, later, quiet
from storage.borrowing import borrowed
from storage.relay import Relay
from storage.writes import Writes, written
from waiting import until

pytestmark = pytest.mark.compiled

BACKEND = Statement(
    "test.backend",
    """SELECT pg_backend_pid()::bigint FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)
DIVIDED = Statement(
    "test.divided", """SELECT 12 / $2::bigint + count(*) FROM {schema}."user" WHERE tenant_id = $1"""
)
SLEEP = Statement(
    "test.sleep",
    """SELECT count(pg_sleep($2::float8)) FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)
NAMED = Statement(
    "test.named",
    """SELECT current_setting('app.current_tenant') FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)
WAIT = Statement(
    "test.wait",
    """SELECT count(pg_advisory_xact_lock_shared($2::bigint)) FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)
KEY = 77

Ask = Callable[..., Coroutine[Any, Any, Any]]


async def ask_alone(
    databases: Databases,
    home: Location,
    statement: Statement,
    *args: object,
    tenant: UUID | None = None,
    timeout: float = 5,  # noqa: ASYNC109 - the session's
) -> Any:
    """What a transaction of this statement alone answers."""
    session = open_session(databases, home, tenant or uuid4(), read_only=True, timeout=timeout, single=True)
    try:
        return await session.fetch_value(statement, *args)
    finally:
        await session.rollback()


@pytest.fixture
def ask(databases: Databases, home: Location) -> Ask:
    return partial(ask_alone, databases, home)


@pytest.fixture
async def seen(databases: Databases, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Writes:
    """What is written to the only connection there is, on which everything is prepared, and brief.

    However long the machine stands still: who takes a second is slow.
    """
    monkeypatch.setattr(lane, "_BRIEF", 0.9)
    for statement, *args in ((COUNT,), (BACKEND,), (DIVIDED, 1), (NAMED,), (WAIT, KEY)):
        for _ in range(2):
            await ask(statement, *args)
    await quiet(databases)
    wire = await databases.pool("app").acquire(later())
    databases.pool("app").release(wire)
    return Writes.of(wire)


@pytest.fixture
async def held(storage_settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Another connection, which holds what `WAIT` waits for until it is told to let go."""
    connection = await asyncpg.connect(app_url(storage_settings, "app"))
    await connection.execute(f"SELECT pg_advisory_lock({KEY})")
    yield connection
    await connection.close()


async def test_many_tenants_in_one_line_each_see_their_own(
    databases: Databases, ask: Ask, seen: Writes
) -> None:
    tenants = [uuid4() for _ in range(16)]
    for _ in range(3):
        named = await asyncio.gather(*(ask(NAMED, tenant=tenant) for tenant in tenants))
        assert named == [str(tenant) for tenant in tenants]
    # asked in one moment, written in one
    assert len(seen.found) == 3
    async with borrowed(databases.pool("app")) as connection:
        assert await connection.fetchval("SELECT current_setting('app.current_tenant', true)") in {None, ""}
        assert await connection.fetchval("SHOW statement_timeout") == "0"


async def test_an_error_in_line_is_that_of_one(ask: Ask, seen: Writes) -> None:
    asked = [ask(DIVIDED, divisor) for divisor in (1, 0, 3, 0, 4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, ValidationError, int, ValidationError, int]
    assert [answers[place] for place in (0, 2, 4)] == [12, 4, 3]
    assert len(seen.found) == 1


async def test_who_leaves_the_line_takes_nobody_along(
    databases: Databases, ask: Ask, seen: Writes, held: asyncpg.Connection
) -> None:
    tenants = [uuid4() for _ in range(6)]
    waiting = asyncio.ensure_future(ask(WAIT, KEY))
    asked = [asyncio.ensure_future(ask(NAMED, tenant=tenant)) for tenant in tenants]
    await written(seen)
    for place in (0, 3):
        asked[place].cancel()
    await held.execute(f"SELECT pg_advisory_unlock({KEY})")
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for place, tenant in enumerate(tenants):
        if place in {0, 3}:
            assert isinstance(answers[place], asyncio.CancelledError)
        else:
            assert answers[place] == str(tenant)
    assert await waiting == 1
    await quiet(databases)
    assert len(seen.found) == 1


async def test_a_connection_is_in_use_until_the_last_in_line_has_its_answer(
    databases: Databases, ask: Ask, seen: Writes, held: asyncpg.Connection
) -> None:
    first = asyncio.ensure_future(ask(COUNT))
    waiting = asyncio.ensure_future(ask(WAIT, KEY))
    assert await first == 0
    pool = databases.pool("app")
    assert pool.get_idle_size() == 0
    assert len(seen.found) == 1
    await held.execute(f"SELECT pg_advisory_unlock({KEY})")
    assert await waiting == 1
    assert pool.get_idle_size() == 1


async def test_one_that_is_late_is_late_alone(
    databases: Databases, ask: Ask, seen: Writes, held: asyncpg.Connection
) -> None:
    """The server ends what waits too long, and goes on with the line."""
    late = asyncio.ensure_future(ask(WAIT, KEY, timeout=0.3))
    await written(seen)
    after = asyncio.ensure_future(ask(BACKEND))
    with pytest.raises(DeadlineExceededError):
        await late
    assert await after
    await held.execute(f"SELECT pg_advisory_unlock({KEY})")
    assert await ask(COUNT) == 0
    await quiet(databases)


async def test_a_session_that_came_late_is_lost(
    databases: Databases, home: Location, seen: Writes, held: asyncpg.Connection
) -> None:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=0.2, single=True)
    for _ in range(2):
        with pytest.raises(DeadlineExceededError):
            await session.fetch_value(WAIT, KEY)
    with pytest.raises(DeadlineExceededError):
        await session.commit()
    assert not held.is_closed()
    assert len(seen.found) == 1


async def test_a_server_that_says_nothing_is_given_up(
    relay: Relay, relayed: Databases, home: Location
) -> None:
    for _ in range(2):
        await ask_alone(relayed, home, COUNT)
    relay.fall_silent()
    with pytest.raises(DeadlineExceededError):
        await ask_alone(relayed, home, COUNT, timeout=0.2)
    relay.speak()
    assert await ask_alone(relayed, home, COUNT) == 0


async def test_what_was_slow_has_a_connection_to_itself(storage_settings: Settings, home: Location) -> None:
    databases = Databases(msgspec.structs.replace(storage_settings, pool_size=3))
    text = SLEEP.in_schema(home.schema)
    ask = partial(ask_alone, databases, home)
    for _ in range(2):
        await ask(SLEEP, 0.02)
        await ask(BACKEND)
    lanes = databases.database("app").lanes
    known = lanes.known(text)
    assert known is not None
    # the first time it was alone, and nobody looked
    assert known.seconds >= 0.015
    slow = asyncio.ensure_future(ask(SLEEP, 0.02))
    backend = await ask(BACKEND)
    assert not slow.done()
    assert await ask(BACKEND) == backend
    await slow
    await databases.close()


async def test_a_slow_one_whose_statements_are_gone_is_asked_again(
    databases: Databases, home: Location, ask: Ask, seen: Writes
) -> None:
    known = databases.database("app").lanes.known(BACKEND.in_schema(home.schema))
    assert known is not None
    async with borrowed(databases.pool("app")) as connection:
        await connection.execute("DEALLOCATE ALL")
    backend = connection.get_server_pid()
    known.took(1.0)
    # what it was asked on is closed, since nothing works there any more
    assert await ask(BACKEND) != backend
    await quiet(databases)
    known.took(1.0)
    assert await ask(BACKEND) != backend
    assert await ask(BACKEND, tenant=uuid4())


async def test_a_line_that_does_not_move_is_not_joined(
    storage_settings: Settings, home: Location, held: asyncpg.Connection
) -> None:
    databases = Databases(msgspec.structs.replace(storage_settings, pool_size=2))
    ask = partial(ask_alone, databases, home)
    for _ in range(2):
        await ask(WAIT, KEY + 1)
        first = await ask(BACKEND)
    waiting = asyncio.ensure_future(ask(WAIT, KEY))
    lanes = databases.database("app").lanes
    async with asyncio.timeout(5):
        while not lanes._lanes or lanes._lanes[0].is_joinable(lambda: False):  # noqa: ASYNC110 - time passes and tells nobody
            await asyncio.sleep(0.001)
    assert await ask(BACKEND) != first
    await held.execute(f"SELECT pg_advisory_unlock({KEY})")
    await waiting
    await databases.close()


async def test_a_line_gives_way_to_who_waits_for_its_connection(
    databases: Databases,
    home: Location,
    ask: Ask,
    seen: Writes,
    held: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many come to read: each of them would join before the line is empty."""
    monkeypatch.setattr(lane, "_TURN", 0.0)
    first = asyncio.create_task(ask(WAIT, KEY))
    await written(seen)
    (wire,) = databases.pool("app").used
    joining = asyncio.create_task(ask(BACKEND))
    await asyncio.sleep(0)
    session = open_session(databases, home, uuid4(), read_only=False, timeout=5)
    writing = asyncio.create_task(session.fetch_value(COUNT))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(ask(BACKEND))
    await asyncio.sleep(0)
    # who came before the writer stands in line, who came after it does not
    assert wire.outstanding == 2
    await held.execute(f"SELECT pg_advisory_unlock({KEY})")
    await asyncio.gather(first, joining, writing)
    await session.commit()
    await waiting


async def test_one_connection_that_says_nothing_is_not_asked_for_ever(
    relay: Relay, relayed: Databases, home: Location
) -> None:
    """Newcomers are answered: it is the one that is lost, and the line on it."""
    for _ in range(2):
        await ask_alone(relayed, home, COUNT)
    silent = relay.fall_silent_to_those_here()
    with pytest.raises(DeadlineExceededError):
        await ask_alone(relayed, home, COUNT, timeout=0.2)

    async def is_cut() -> bool:
        return relayed.pool("app").get_size() == 0

    await until(is_cut)
    assert await ask_alone(relayed, home, COUNT, timeout=2) == 0
    silent.set()


async def test_columns_that_a_migration_has_changed_are_read_anew(
    databases: Databases, home: Location, storage_settings: Settings, ask: Ask
) -> None:
    """On another connection, too, where the statement was never prepared with the old ones."""
    table = f"{home.schema}.test_changing"
    admin = storage_settings.admin_database_url
    assert admin is not None
    owner = await asyncpg.connect(admin)
    await owner.execute(f"CREATE TABLE {table} AS SELECT 7 AS n")
    await owner.execute(f"GRANT SELECT ON {table} TO harka_app")
    changing = Statement("test.changing", "SELECT n FROM {schema}.test_changing WHERE $1::uuid IS NOT NULL")
    for type_ in ("int4", "int8", "float8", "text"):
        await owner.execute(f"ALTER TABLE {table} ALTER n TYPE {type_}")
        wire = await databases.pool("app").acquire(later())
        wire.connection.terminate()
        databases.pool("app").release(wire)
        for _ in range(3):
            assert str(await ask(changing)).removesuffix(".0") == "7"
    await owner.execute(f"DROP TABLE {table}")
    await owner.close()


async def test_a_line_on_a_lost_connection_ends(databases: Databases, ask: Ask, seen: Writes) -> None:
    """It was lent at the very moment at which it was lost."""
    wire = await databases.pool("app").acquire(later())
    asking = asyncio.create_task(ask(COUNT))
    await asyncio.sleep(0)
    wire._transport._transport.close()
    databases.pool("app").release(wire)
    assert await asking == 0
    await quiet(databases)
    assert wire not in databases.pool("app").used
    assert seen.found is not None


async def test_a_line_has_an_end(storage_settings: Settings, home: Location) -> None:
    databases = Databases(msgspec.structs.replace(storage_settings, pool_size=4))
    ask = partial(ask_alone, databases, home, BACKEND)
    await asyncio.gather(*(ask() for _ in range(4)))
    backends = Counter(await asyncio.gather(*(ask() for _ in range(40))))
    assert sum(backends.values()) == 40
    assert max(backends.values()) <= lane._LONGEST_LINE
    await quiet(databases)
    await databases.close()


async def test_a_connection_lost_with_a_line_on_it_is_nobodys_trouble(
    databases: Databases, ask: Ask, seen: Writes, held: asyncpg.Connection
) -> None:
    tenants = [uuid4() for _ in range(5)]
    waiting = asyncio.ensure_future(ask(WAIT, KEY))
    asked = [asyncio.ensure_future(ask(NAMED, tenant=tenant)) for tenant in tenants]
    await written(seen)
    (wire,) = databases.pool("app").used
    assert wire.outstanding == 6
    wire.connection.terminate()
    # reads: they are asked again, on another connection
    await held.execute(f"SELECT pg_advisory_unlock({KEY})")
    assert await asyncio.gather(*asked) == [str(tenant) for tenant in tenants]
    assert await waiting == 1
    await quiet(databases)


async def test_statements_forgotten_by_one_connection_are_prepared_again(
    databases: Databases, ask: Ask, seen: Writes
) -> None:
    text = NAMED.in_schema("shard_small_7")
    known = databases.database("app").lanes.known(text)
    assert known is not None
    wire = await databases.pool("app").acquire(later())
    wire.forget(known)
    databases.pool("app").release(wire)
    tenant = uuid4()
    assert await ask(NAMED, tenant=tenant) == str(tenant)
    assert text.encode() in seen.found[-1]
    assert await ask(NAMED, tenant=tenant) == str(tenant)
    assert text.encode() not in seen.found[-1]


async def test_only_as_many_are_kept_as_the_connection_keeps(databases: Databases) -> None:
    wire = Wire(await databases.database("app")._dial(), keeps=2)
    await wire.prepare_leads()
    lead = wire.led_in(str(uuid4()).encode(), 5000, read_only=True, alone=True)
    questions = [
        Described(text=f"SELECT {number}::bigint", name=b"q%d" % number, parameters=(), columns=(20,))
        for number in range(4)
    ]
    loop = asyncio.get_running_loop()
    for question in (*questions, *questions):
        answer: asyncio.Future[bytes] = loop.create_future()
        bound = question.bound(())
        assert bound is not None
        wire.ask(question, bound, answer, lead=lead)
        assert await answer == sent(["int8"], [(int(question.text[7]),)])
    ours = "SELECT name FROM pg_prepared_statements WHERE name LIKE 'q_' ORDER BY name"
    assert [name for (name,) in await wire.connection.fetch(ours)] == ["q2", "q3"]
    await wire.connection.close()


async def test_one_that_cannot_be_prepared_spoils_no_other(databases: Databases) -> None:
    wire = Wire(await databases.database("app")._dial(), keeps=5)
    await wire.prepare_leads()
    lead = wire.led_in(str(uuid4()).encode(), 5000, read_only=True, alone=True)
    wrong = Described(text="SELECT no_such_thing", name=b"wrong", parameters=(), columns=(20,))
    right = Described(text="SELECT 5::bigint", name=b"right", parameters=(), columns=(20,))
    loop = asyncio.get_running_loop()
    for _ in range(2):
        answers: list[asyncio.Future[bytes]] = [loop.create_future() for _ in range(3)]
        for question, answer in zip((right, wrong, right), answers, strict=True):
            bound = question.bound(())
            assert bound is not None
            wire.ask(question, bound, answer, lead=lead)
        with pytest.raises(asyncpg.UndefinedColumnError):
            await answers[1]
        assert [await answers[place] for place in (0, 2)] == [sent(["int8"], [(5,)])] * 2
    await wire.connection.close()


ARGUMENTS: list[tuple[str, object]] = [
    ("uuid", UUID(int=2**127 + 5)),
    ("uuid", None),
    ("uuid[]", [UUID(int=1), None, UUID(int=3)]),
    ("uuid[]", []),
    ("text", "ein Ü und \N{SNOWMAN}"),
    ("text", ""),
    ("text[]", ["a", "", None]),
    ("int", -(2**31)),
    ("bigint", 2**63 - 1),
    ("float8", -0.1),
    ("boolean", True),
    ("boolean", False),
    ("timestamptz", datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)),
    ("timestamptz", datetime(1, 1, 1, tzinfo=UTC)),
    ("timestamptz", datetime(9999, 12, 31, tzinfo=UTC)),
]


@pytest.mark.parametrize(("kind", "value"), ARGUMENTS)
async def test_arguments_arrive_as_asyncpg_would_send_them(
    databases: Databases, kind: str, value: object
) -> None:
    text = f"SELECT $1::{kind}::text"
    wire = await databases.pool("app").acquire(later())
    prepared = await wire.prepare(text)
    databases.database("app").lanes.learn(text, prepared)
    question = databases.database("app").lanes.known(text)
    assert question is not None
    bound = question.bound((value,))
    assert bound is not None
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    wire.ask(question, bound, answer)
    found = await wire.send("fetchval", text, (value,), timeout=5)
    assert await answer == sent(["text"], [(found,)])
    databases.pool("app").release(wire)


@pytest.mark.parametrize("value", ["\ud800", "a\0b", 5])
async def test_an_argument_that_is_none_is_refused_as_ever(ask: Ask, value: object) -> None:
    statement = Statement(
        "test.text", """SELECT count(*) + length($2::text) FROM {schema}."user" WHERE tenant_id = $1"""
    )
    assert await ask(statement, "abc") == 3
    with pytest.raises(ValidationError):
        await ask(statement, value)
    assert await ask(statement, None) is None


def test_a_slow_time_fades() -> None:
    described = Described(text="", name=b"", parameters=(), columns=(20,))
    assert described.is_brief
    described.took(0.02)
    looks = 0
    while not described.is_brief:
        looks += 1
    assert 5 <= looks <= 10
    described.took(0.001)
    assert described.is_brief
