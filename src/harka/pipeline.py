"""Several statements under way on one connection, each answered in its turn.

asyncpg asks, waits, and asks again; a connection that serves one request at a time makes every request pay
for waking a server process, which on a small machine costs more than the statement. What many requests ask at
one moment is one write, and wakes one process.

A `Pipeline` stands between asyncpg's protocol and the socket. While nothing of its own is under way it hands
whole messages on to asyncpg, and what it sends must not begin while asyncpg waits for anything. Without a
compiler there is none, and asyncpg does it all.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from harka._pipeline import Pipeline

try:
    from harka import _pipeline

    _compiled = True
except ImportError:
    _compiled = False

COMPILED: Final = _compiled
"""Whether there are pipelines."""


def before(protocol: Any, transport: Any, *, raised: Any, later: Any) -> "Pipeline":
    """A pipeline in front of asyncpg's `protocol`; it is to be set as the transport's.

    `raised`: makes an exception of the fields of an error, or of what the connection was lost to.
    `later`: calls a function when the event loop has run what is ready now.
    """
    return _pipeline.Pipeline(protocol, transport, raised, later)


def bind(name: bytes, oids: Sequence[int], args: Sequence[Any]) -> bytes:
    """The message that binds arguments to a prepared statement, for columns in binary form.

    `name`: of the statement. `oids`: of the parameters' types. Raise `TypeError`, `ValueError`,
    `AttributeError` or `OverflowError` for what cannot be written.
    """
    return _pipeline.bind(name, oids, args)
