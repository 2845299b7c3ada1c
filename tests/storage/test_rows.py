"""Rows as a real server sends them."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncpg.pgproto import pgproto

from harka import rows
from harka.storage.databases import Databases
from harka.storage.location import Location
from harka.storage.session import open_session
from harka.storage.statement import Statement
from records import KINDS, oids, sent, struct_of
from storage.asking import later

pytestmark = pytest.mark.compiled

EXTREMES: dict[str, list[Any]] = {
    "uuid": [uuid4(), UUID(int=0), None, UUID(int=2**128 - 1)],
    "text": ["", 'naïve 𝄞 \x01\n"\\', None, "x" * 100_000],
    "varchar": ["e\u0301", None, "\ufeff", "\u2028"],
    "int2": [-(2**15), 2**15 - 1, None, 0],
    "int4": [-(2**31), 2**31 - 1, None, -1],
    "int8": [-(2**63), 2**63 - 1, None, 2**32],
    "float8": [-0.0, 5e-324, math.inf, math.nan],
    "bool": [True, False, None, True],
    "timestamptz": [
        # to asyncpg the first and the last there are mean infinity
        datetime(1, 1, 1, 0, 0, 0, 1, UTC), datetime(9999, 12, 31, 23, 59, 59, 999_998, UTC), None,
        datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
    ],
}  # fmt: skip


NOTHING = 'WHERE NOT EXISTS (SELECT FROM {schema}."user" WHERE id <> id) AND $1::uuid IS NOT NULL'
COLUMNS = ", ".join(f"c{place}::{kind}" for place, kind in enumerate(EXTREMES))
ARRAYS = ", ".join(f"${place}::text[]" for place in range(2, len(EXTREMES) + 2))
NAMES = ", ".join(f"c{place}" for place in range(len(EXTREMES)))
ALL = Statement("test.all", f"SELECT {COLUMNS} FROM unnest({ARRAYS}) AS v({NAMES}) {NOTHING}")  # noqa: S608 - of types' names
TEXTS = [[None if value is None else str(value) for value in column] for column in EXTREMES.values()]


async def test_they_are_those_that_asyncpg_reads(databases: Databases, home: Location) -> None:
    assert EXTREMES.keys() == KINDS.keys()
    struct: type[Any] = struct_of(list(EXTREMES))
    session = open_session(databases, home, uuid4(), read_only=True, timeout=5, single=True)
    # the first time they come through asyncpg
    first, second = [await session.fetch_rows(struct, ALL, *TEXTS) for _ in range(2)]
    await session.rollback()
    assert isinstance(first, list)
    assert not isinstance(second, list)
    assert repr(first) == repr(second)


async def test_they_are_the_bytes_that_the_other_tests_are_made_of(
    databases: Databases, home: Location
) -> None:
    text = ALL.in_schema(home.schema)
    wire = await databases.pool("app").acquire(later())
    lanes = databases.database("app").lanes
    lanes.learn(text, await wire.prepare(text))
    question = lanes.known(text)
    assert question is not None
    bound = question.bound((uuid4(), *TEXTS))
    assert bound is not None
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    wire.ask(question, bound, answer)
    assert await answer == sent(list(EXTREMES), zip(*EXTREMES.values(), strict=True))
    databases.pool("app").release(wire)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("1.5::numeric", "1.5"),
        ("ARRAY[1]", "[1]"),
        ("ARRAY['a']", "['a']"),
        ("'{}'::jsonb", "{}"),
        ("'2026-01-01'::date", "2026-01-01"),
    ],
)
async def test_types_that_are_not_read_in_place_are_read_by_asyncpg(
    databases: Databases, home: Location, value: str, read: str
) -> None:
    statement = Statement("test.other", f"SELECT {value} {NOTHING}")
    session = open_session(databases, home, uuid4(), read_only=False, timeout=5)
    for _ in range(2):
        assert str(await session.fetch_value(statement)) == read
    await session.rollback()
    assert databases.database("app").lanes.known(statement.in_schema(home.schema)) is None
    with pytest.raises(ValueError, match=r"^Row.c0: type 1700 is not read in place$"):
        rows.unpack(struct_of(["text"]), [1700], b"", pgproto.UUID)
    assert not rows.readable([*oids(EXTREMES), 1700])
    assert rows.readable(oids(EXTREMES))
