"""A statement of 600 rows from a real PostgreSQL: in place, asyncpg's records, or structs.

From the call to rows that can be read, the transaction around it included.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from population import LESSONS
from pytest_benchmark.fixture import BenchmarkFixture
from servers import SIZE, Ground

from harka import rows
from harka.learning.work import unit_of_work
from harka.opening import open_runtime
from harka.repositories import course
from harka.repositories.lesson import FIND_BY_COURSES, Lesson
from harka.repositories.scope import Scope
from harka.storage.session import ShardSession
from harka.tenancy.context import operator_context

EVERYTHING = Scope(everything=True)
Read = Callable[[ShardSession, Sequence[Any]], Coroutine[Any, Any, Sequence[Any]]]


async def in_place(session: ShardSession, courses: Sequence[Any]) -> Sequence[Any]:
    return await session.fetch_rows(Lesson, FIND_BY_COURSES, True, None, courses)


async def records(session: ShardSession, courses: Sequence[Any]) -> Sequence[Any]:
    return await session.fetch(FIND_BY_COURSES, True, None, courses)


async def structs(session: ShardSession, courses: Sequence[Any]) -> Sequence[Any]:
    return [Lesson(*record) for record in await session.fetch(FIND_BY_COURSES, True, None, courses)]


WAYS: dict[str, Read] = {"in place": in_place, "records": records, "structs": structs}
COUNT = SIZE.courses * LESSONS


@pytest.mark.parametrize("way", WAYS)
def test_statement(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, ground: Ground, way: str
) -> None:
    if not rows.COMPILED:
        pytest.skip("the extension was not built here")
    benchmark.group = f"statement: {COUNT} rows"
    stack = AsyncExitStack()
    runtime = loop.run_until_complete(stack.enter_async_context(open_runtime(ground.settings)))

    async def reading(read: Callable[[ShardSession], Coroutine[Any, Any, Sequence[Any]]]) -> Sequence[Any]:
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            operator_context(ground.tenant),
            read_only=True,
            timeout=20.0,
        ) as work:
            return await read(work.session)

    page = loop.run_until_complete(
        reading(lambda session: course.list_page(session, EVERYTHING, after=None, first=SIZE.courses))
    )
    ids = [each.id for each in page]

    def ask() -> Sequence[Any]:
        return loop.run_until_complete(reading(lambda session: WAYS[way](session, ids)))

    assert len(ask()) == COUNT
    benchmark(ask)
    loop.run_until_complete(stack.aclose())
