"""Several statements under way on one connection, each answered in its turn.

asyncpg asks, waits, and asks again; a connection that serves one request at a time makes every request pay
for waking a server process, which on a small machine costs more than the statement. What many requests ask at
one moment is one write, and wakes one process.

A `Pipeline` stands between asyncpg's protocol and the socket. While nothing of its own is under way it hands
whole messages on to asyncpg, and what it sends must not begin while asyncpg waits for anything. Without a
compiler there is none, and asyncpg does it all.
"""

from typing import Final

try:
    from harka._pipeline import Pipeline, bind

    _compiled = True
except ImportError:
    _compiled = False

COMPILED: Final = _compiled
"""Whether there are pipelines."""

__all__ = ["COMPILED", "Pipeline", "bind"]
