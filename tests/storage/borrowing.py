"""Looking at a connection between two sessions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from harka.storage.pool import Pool


@asynccontextmanager
async def borrowed(pool: Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection out of the pool, as its next user would get it."""
    wire = await pool.acquire(asyncio.get_running_loop().time() + 5)
    yield wire.connection
    pool.release(wire)
