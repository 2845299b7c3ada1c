"""What the compiled parts do for one request, one of them at a time, for whoever counts their instructions.

`python compiled_calls.py NAME…` calls each once, and then as often as it says here; `siphash64` is called
after either, for whoever counts, and nowhere else. Rows are a hundred lessons, as PostgreSQL sends them.
"""

# ruff: noqa: PLC0415 - what one of them needs is not there where nothing is compiled, and slow to import

import itertools
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec, module_from_spec
from struct import pack
from typing import Any, Final

HEADERS: Final = [
    (b"host", b"acme.harka.ai"),
    (b"user-agent", b"partner-sync/1.4"),
    (b"accept", b"application/graphql-response+json, application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"content-type", b"application/json"),
    (b"content-length", b"212"),
    (b"x-api-key", b"hk_abcdefghijkl_" + b"s" * 43),
]
ROWS: Final = 100
_KEY: Final = bytes(range(16))
_TENANT: Final = bytes.fromhex("01890c3e7c4b7a308c2e0123456789ab")

Call = Callable[[], object]


def resolve() -> Call:
    from harka import _fastpath

    table = _fastpath.HostTable("harka.ai", {"acme": 0}, {}, {"abcdefghijkl": 0})
    return lambda: table.resolve(HEADERS, False)


def resolve_among(tenants: int) -> Call:
    """A thousand of their hosts in turn, each its own bytes."""
    from harka import _fastpath

    table = _fastpath.HostTable(
        "harka.ai", {f"tenant{number:06}": number for number in range(tenants)}, {}, {}
    )
    # a stride coprime to every size: spread over the whole table
    hosts = [b"tenant%06d.harka.ai" % (number * 7919 % tenants) for number in range(1_000)]
    requests = itertools.cycle([[(b"host", host), *HEADERS[1:]] for host in hosts])
    return lambda: table.resolve(next(requests), False)


def cache_key() -> Call:
    from harka import _fastpath

    parts = "01890c3e-7c4b-7a30-8c2e", 20, None
    return lambda: _fastpath.cache_key(_KEY, _TENANT, 7, 3, "course", parts)


def select_shard() -> Call:
    from harka import _fastpath

    return lambda: _fastpath.select_shard(_TENANT, 50)


def take() -> Call:
    from harka import _fastpath

    bucket = _fastpath.Bucket(1e-9, 2**53)
    return lambda: bucket.take(1.0)


def enter() -> Call:
    from harka import _fastpath

    door = tuple(_fastpath.Lease(1.0) for _ in range(4))
    for lease in door:
        lease.grant(1e15, 2.0, 0.0)
    return lambda: _fastpath.enter(door, 1.0)


def unpack() -> Call:
    UUID = _uuid()  # noqa: N806 - a class

    from harka import rows

    struct, oids, data = _answer()
    return lambda: rows.unpack(struct, oids, data, UUID)


def aligned() -> Call:
    received = _received()
    keys = [row.id for row in received][::-1]
    return lambda: received.aligned("id", keys)


def write() -> Call:
    from harka.executor import Field, Frame, Seal, Shape

    received = _received()
    shape = Shape(type(received[0]), 1)
    shape.add(Field.sealed("id"))
    for name, type_ in (("title", "String"), ("position", "Int"), ("done", "Boolean")):
        shape.add(Field.leaf(name, name, type_, nullable=False))
    seal = Seal(_KEY, _TENANT)
    return lambda: Frame(shape, received).write(seal)


def bind() -> Call:
    UUID = _uuid()  # noqa: N806 - a class

    from harka.pipeline import bind as bound

    ids = [UUID(number.to_bytes(16, "big")) for number in range(ROWS)]
    return lambda: bound(b"harka_0123456789abcdef", [2950, 25, 2951], [ids[0], "published", ids])


def data_received() -> Call:
    import asyncio

    from harka import pipeline
    from harka.rows import readable

    _, oids, data = _answer()
    assert readable(oids)
    loop = asyncio.new_event_loop()
    line = pipeline.before(_Quiet(), _Quiet(), raised=RuntimeError, later=lambda flush: flush())
    led_in = b"2\0\0\0\4C\0\0\0\x0dSELECT 0\0"
    answer = led_in + b"2\0\0\0\4" + data + b"C\0\0\0\x0fSELECT 100\0" + b"Z\0\0\0\5I"

    def receive() -> None:
        future: asyncio.Future[bytes] = loop.create_future()
        line.send(b"", future, 1, None, True)
        line.data_received(answer)
        assert future.done()

    return receive


CALLS: Final[dict[str, tuple[Callable[[], Call], int]]] = {
    "resolve": (resolve, 1_000),
    "cache_key": (cache_key, 1_000),
    "select_shard": (select_shard, 1_000),
    "take": (take, 1_000),
    "enter": (enter, 1_000),
    "unpack": (unpack, 20),
    "aligned": (aligned, 20),
    "write": (write, 20),
    "bind": (bind, 20),
    "data_received": (data_received, 20),
}
AMONG: Final = {tenants: f"resolve_among_{tenants}" for tenants in (10, 100_000)}
"""Of so many tenants: the same function as `resolve`."""


class _Quiet:
    """What stands where a connection and its protocol stand."""

    def write(self, data: bytes) -> None:
        pass

    def data_received(self, data: bytes) -> None:
        raise AssertionError(data)


def _uuid() -> type:
    """Without the rest of asyncpg: to import that under valgrind took longer than all that is counted."""
    spec = find_spec("asyncpg")
    assert spec is not None
    sys.modules.setdefault("asyncpg", module_from_spec(spec))
    from asyncpg.pgproto.pgproto import UUID

    return UUID


def _answer() -> tuple[type, list[int], bytes]:
    """Rows of five columns, their oids, and the DataRow messages of PostgreSQL's protocol 3.0."""
    import msgspec

    names = ("id", "title", "position", "done", "begun")
    struct = msgspec.defstruct("Row", [(name, Any) for name in names], frozen=True)
    return struct, [2950, 25, 23, 16, 1184], b"".join(map(_message, range(ROWS)))


def _message(number: int) -> bytes:
    cells = number.to_bytes(16, "big"), b"Lesson %d" % number, pack("!i", number), b"\1", pack("!q", number)
    body = b"".join(pack("!i", len(cell)) + cell for cell in cells)
    return b"D" + pack("!ih", 6 + len(body), len(cells)) + body


def _received() -> Any:
    UUID = _uuid()  # noqa: N806 - a class

    from harka import rows

    struct, oids, data = _answer()
    return rows.unpack(struct, oids, data, UUID)


def _main() -> None:
    from harka import _fastpath

    among = {name: (partial(resolve_among, tenants), 1_000) for tenants, name in AMONG.items()}
    for name in sys.argv[1:]:
        prepare, calls = (CALLS | among)[name]
        call = prepare()
        call()
        _fastpath.siphash64(_KEY, b"")
        for _ in range(calls):
            call()
        _fastpath.siphash64(_KEY, b"")


if __name__ == "__main__":
    _main()
