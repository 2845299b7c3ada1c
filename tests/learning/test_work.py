import asyncio
import contextlib
import secrets
from collections.abc import Collection
from uuid import UUID

import msgspec
import pytest

from academy import Academy, Parts
from harka import clock
from harka.cache import generation
from harka.cache.generation import ANY
from harka.cache.tenant import Namespace, TenantCache
from harka.config import Settings
from harka.errors import ConflictError, DeadlineExceededError, HarkaError, InternalError, ValidationError
from harka.learning import course
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.work import UnitOfWork
from harka.pubsub import PubSub
from harka.queue.message import JOBS_TOPIC, PLATFORM
from harka.storage.statement import Statement
from waiting import until, until_trusted

NAMES = Namespace("names", str, scope=ANY)
TIMEOUT = Statement(
    "test.timeout",
    """SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'
    AND NOT EXISTS (SELECT FROM {schema}.course WHERE tenant_id = $1)""",
)


@pytest.fixture(autouse=True)
async def the_cache_is_trusted(academy: Academy) -> None:
    await until_trusted(academy.parts.cache)


def draft(code: str) -> CourseDraft:
    modules = (ModuleOutline("M", (LessonOutline("L"),)),)
    return CourseDraft(title="A course", code=code, modules=modules)


class Journal:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def writes(self, line: str) -> "Journal.Action":
        return Journal.Action(self, line)

    class Action:
        def __init__(self, journal: "Journal", line: str) -> None:
            self.journal, self.line = journal, line

        async def __call__(self) -> None:
            await asyncio.sleep(0)
            self.journal.lines.append(self.line)


async def test_actions_run_after_the_commit_in_order(academy: Academy) -> None:
    journal = Journal()

    async with academy.work() as work:
        for line in ("one", "two", "three"):
            work.after_commit(journal.writes(line))
        await course.create(work, draft("A"))
        assert journal.lines == []

    assert journal.lines == ["one", "two", "three"]


async def test_an_error_undoes_everything_and_says_nothing(academy: Academy) -> None:
    journal, topic = Journal(), "news"
    state = await academy.state()

    async def fail() -> None:
        async with academy.work() as work:
            await course.create(work, draft("A"))
            await work.enqueue("test", {})
            work.publish(topic, {"said": "too early"})
            work.after_commit(journal.writes("too early"))
            raise ConflictError

    async with academy.parts.pubsub.subscribe(academy.organization.id, topic) as events:
        with pytest.raises(ConflictError):
            await fail()
        await academy.parts.pubsub.publish(academy.organization.id, topic, {"said": "last"})
        assert (await anext(events)).payload == {"said": "last"}

    assert journal.lines == []
    assert await academy.state() == state


async def test_a_failed_commit_says_nothing(academy: Academy) -> None:
    journal = Journal()

    async def fail() -> None:
        async with academy.work() as work:
            work.after_commit(journal.writes("too early"))
            await course.create(work, draft("A"))
            # swallowing a database error leaves a transaction that can only be rolled back
            with contextlib.suppress(ValidationError):
                await course.create(work, draft("A"))

    with pytest.raises(InternalError):
        await fail()

    assert journal.lines == []
    assert await academy.rows("course") == []


async def test_a_failing_action_fails_neither_the_unit_nor_the_next_action(academy: Academy) -> None:
    journal = Journal()

    async def fail() -> None:
        raise RuntimeError

    async with academy.work() as work:
        work.after_commit(fail)
        work.after_commit(journal.writes("next"))
        await course.create(work, draft("A"))

    assert journal.lines == ["next"]
    assert len(await academy.rows("course")) == 1


async def test_a_savepoint_undoes_its_part_and_what_that_would_have_said(academy: Academy) -> None:
    journal = Journal()

    async def fail(work: UnitOfWork) -> None:
        async with work.savepoint():
            await course.create(work, draft("B"))
            await work.enqueue("test", {})
            work.after_commit(journal.writes("inside"))
            await course.create(work, draft("A"))

    async with academy.work() as work:
        work.after_commit(journal.writes("before"))
        await course.create(work, draft("A"))
        with pytest.raises(ValidationError):
            await fail(work)
        async with work.savepoint():
            await course.create(work, draft("C"))
            work.after_commit(journal.writes("inside, kept"))
        work.after_commit(journal.writes("after"))

    assert journal.lines == ["before", "inside, kept", "after"]
    assert {row["code"] for row in await academy.rows("course")} == {"A", "C"}
    assert await academy.rows("job") == []


async def test_a_cancelled_caller_does_not_silence_a_committed_unit(academy: Academy) -> None:
    journal, begun, go_on, ended = Journal(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await go_on.wait()
        journal.lines.append("said")

    async def request() -> None:
        async with academy.work() as work:
            work.after_commit(slow)
            work.after_commit(lambda: _set(ended))
            await course.create(work, draft("A"))

    task = asyncio.create_task(request())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    async with asyncio.timeout(5):
        await ended.wait()

    assert journal.lines == ["said"]
    assert len(await academy.rows("course")) == 1


async def _set(event: asyncio.Event) -> None:
    event.set()


async def test_a_cancelled_unit_leaves_nothing(academy: Academy) -> None:
    begun = asyncio.Event()

    async def request() -> None:
        async with academy.work() as work:
            await course.create(work, draft("A"))
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(request())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await academy.rows("course") == []


async def test_what_was_cached_is_forgotten_with_the_commit_and_not_before(academy: Academy) -> None:
    tenant, cache = academy.organization.id, academy.parts.cache
    lookup = await cache.get_many(tenant, NAMES, ["a"])
    await cache.set_many(tenant, NAMES, lookup, {"a": "old"}, budget=2**20)

    async with academy.work() as work:
        await course.create(work, draft("A"))
        assert (await cache.get_many(tenant, NAMES, ["a"])).found == {"a": "old"}

    assert (await cache.get_many(tenant, NAMES, ["a"])).found == {}


class WatchedCache(TenantCache):
    """Notes how many courses the others see at each step of a write."""

    def __init__(self, academy: Academy) -> None:
        super().__init__(None, secrets.token_bytes(16))
        self.academy = academy
        self.steps: list[tuple[str, int, int]] = []

    async def begin_write(self, tenant: UUID, scopes: Collection[str] = ()) -> None:
        self.steps.append(("begin", len(await self.academy.rows("course")), len(scopes)))
        await super().begin_write(tenant, scopes)

    async def invalidate(self, tenant: UUID, scopes: Collection[str] = ()) -> None:
        await super().invalidate(tenant, scopes)
        self.steps.append(("forget", len(await self.academy.rows("course")), len(scopes)))


async def test_many_courses_are_forgotten_by_one_change_of_the_tenant(academy: Academy) -> None:
    cache = WatchedCache(academy)
    academy.parts = msgspec.structs.replace(academy.parts, cache=cache)

    async with academy.work() as work:
        await course.create_many(work, [draft(f"{number}") for number in range(21)])

    assert cache.steps == [("begin", 0, 0), ("forget", 21, 0)]
    await cache.close()


async def test_the_cache_is_told_before_the_commit_and_after_it(academy: Academy) -> None:
    cache = WatchedCache(academy)
    academy.parts = msgspec.structs.replace(academy.parts, cache=cache)

    async with academy.work() as work:
        await course.create(work, draft("A"))
        await course.create(work, draft("B"))

    assert cache.steps == [("begin", 0, 2), ("forget", 2, 2)]
    await cache.close()


class InterruptingCache(TenantCache):
    """Whoever is to commit next is cancelled."""

    async def begin_write(self, tenant: UUID, scopes: Collection[str] = ()) -> None:
        await super().begin_write(tenant, scopes)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()


async def test_after_an_interrupted_commit_nothing_is_kept_for_long(
    academy: Academy, settings: Settings
) -> None:
    """The database may have it a moment later: what is read before that must not stay."""
    cache = InterruptingCache(settings.redis_url, bytes(16), patience=1.0)
    academy.parts = msgspec.structs.replace(academy.parts, cache=cache)
    assert cache._server is not None
    client = cache._server.client

    async def number() -> int:
        _, (of_any,) = await generation.read(client, academy.organization.id, [(ANY, "none")])
        return of_any.scope

    before = await number()

    async def interrupted() -> None:
        async with academy.work() as work:
            await course.create(work, draft("A"))

    with pytest.raises(asyncio.CancelledError):
        await interrupted()

    async def is_forgotten() -> bool:
        return await number() >= before + generation.BEGIN + generation.FORGET - 1

    await until(is_forgotten)
    assert generation.has_writers(await number())
    await cache.close()


async def test_an_undone_unit_forgets_nothing(academy: Academy) -> None:
    tenant, cache = academy.organization.id, academy.parts.cache
    lookup = await cache.get_many(tenant, NAMES, ["a"])
    await cache.set_many(tenant, NAMES, lookup, {"a": "old"}, budget=2**20)

    async def fail() -> None:
        async with academy.work() as work:
            await course.create(work, draft("A"))
            raise ConflictError

    with pytest.raises(ConflictError):
        await fail()

    assert (await cache.get_many(tenant, NAMES, ["a"])).found == {"a": "old"}


async def test_a_valkey_that_is_down_fails_nothing(academy: Academy) -> None:
    nowhere = "unix:///nonexistent/valkey.sock"
    down = Parts(
        academy.parts.databases,
        TenantCache(nowhere, secrets.token_bytes(16)),
        PubSub(nowhere),
        academy.parts.outside,
    )
    academy.parts, up = down, academy.parts

    async with academy.work() as work:
        created = await course.create(work, draft("A"))
        await course.publish(work, created.id)
        work.publish("news", {"said": "into the void"})

    await down.pubsub.close()
    await down.cache.close()
    academy.parts = up
    assert [row["status"] for row in await academy.rows("course")] == ["published"]


async def test_workers_are_woken_once_by_a_committed_unit(academy: Academy) -> None:
    async with academy.parts.pubsub.subscribe(PLATFORM, JOBS_TOPIC) as signals:
        async with academy.work() as work:
            await work.enqueue("test", {"n": 1})
            await work.enqueue("test", {"n": 2})
        await academy.parts.pubsub.publish(PLATFORM, JOBS_TOPIC, {"last": True})
        heard = [(await anext(signals)).payload for _ in range(2)]

    assert heard == [{"tenant": str(academy.organization.id)}, {"last": True}]
    assert len(await academy.rows("job")) == 2


async def test_nobody_is_woken_for_what_a_savepoint_undid(academy: Academy) -> None:
    async def fail(work: UnitOfWork) -> None:
        async with work.savepoint():
            await work.enqueue("test", {})
            raise ConflictError

    async with academy.parts.pubsub.subscribe(PLATFORM, JOBS_TOPIC) as signals:
        async with academy.work() as work:
            with contextlib.suppress(ConflictError):
                await fail(work)
        await academy.parts.pubsub.publish(PLATFORM, JOBS_TOPIC, {"last": True})
        assert (await anext(signals)).payload == {"last": True}


async def test_a_reader_writes_nothing(academy: Academy) -> None:
    with pytest.raises(HarkaError):
        async with academy.work(read_only=True) as work:
            await course.create(work, draft("A"))

    assert await academy.rows("course") == []


async def test_a_unit_that_does_nothing_opens_nothing(academy: Academy) -> None:
    async with academy.work() as work:
        assert isinstance(work, UnitOfWork)

    assert academy.statements == 0


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("left", [3.0, 60.0, None])
async def test_a_unit_has_what_is_left_until_its_contexts_deadline(
    academy: Academy,
    read_only: bool,  # noqa: FBT001 - a parameter of the test
    left: float | None,
) -> None:
    """Or as long as its caller says, where that has none."""
    deadline = None if left is None else clock.monotonic() + left
    context = msgspec.structs.replace(academy.operator, deadline=deadline)
    async with academy.work(context, read_only=read_only) as work:
        milliseconds = await work.session.fetch_value(TIMEOUT)
    most = 1000 * (left or 20.0)
    assert most - 2000 < milliseconds <= most


async def test_a_unit_of_a_context_whose_deadline_has_passed_reads_nothing(academy: Academy) -> None:
    context = msgspec.structs.replace(academy.operator, deadline=clock.monotonic())
    async with academy.work(context, read_only=True) as work:
        with pytest.raises(DeadlineExceededError):
            await work.session.fetch_value(TIMEOUT)
