"""Asking a database something, as a request of some tenant does."""

import asyncio
import contextlib
from uuid import UUID, uuid4

from harka.errors import UnavailableError
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.session import open_session
from harka.storage.statement import Statement

COUNT = Statement("test.count", """SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1""")

SETTING = Statement(
    "test.setting",
    """SELECT current_setting('app.current_tenant') FROM (VALUES ($1::uuid)) v
    WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id)""",
)


def later() -> float:
    """A deadline that is far enough, in the loop's time."""
    return asyncio.get_running_loop().time() + 5


async def ask(databases: Databases, home: Location, *, within: float = 5.0, single: bool = False) -> int:
    session = open_session(databases, home, uuid4(), read_only=True, timeout=within, single=single)
    try:
        count: int = await session.fetch_value(COUNT)
    finally:
        await session.rollback()
    return count


async def until_answered(databases: Databases, home: Location) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(UnavailableError):
                assert await ask(databases, home) == 0
                return
            await asyncio.sleep(0.02)


async def warm(databases: Databases, home: Location, tenant: UUID) -> None:
    """Have the statements of a test prepared on the only connection there is."""
    for single in (True, False):
        session = open_session(databases, home, tenant, read_only=True, timeout=5, single=single)
        await session.fetch_value(COUNT)
        await session.fetch_value(SETTING)
        await session.commit()
    await quiet(databases)


async def quiet(databases: Databases) -> None:
    """Until what ends in the background has ended."""
    pool = databases.pool("app")
    async with asyncio.timeout(5):
        while pool.get_idle_size() < pool.get_size():  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.001)
