import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import harka
from harka.storage.databases import Databases

EXAMPLES: dict[str, list[Any]] = {
    "boolean": [True, None],
    "bytea": [b"\0{,}", None],
    "date": [date(2026, 1, 1), None],
    "float8": [0.5, None],
    "int8": [2**40, None],
    "int": [7, None],
    "text": ["{a,b}", None],
    "timestamptz": [datetime(2026, 1, 1, tzinfo=UTC), None],
    "uuid": [UUID(int=5), None],
}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_asyncpg_need_not_ask_what_an_array_is(databases: Databases, name: str) -> None:
    wire = await databases.database("app")._connect()
    asked: list[str] = []
    wire.connection.add_query_logger(lambda record: asked.append(record.query))
    statement = f"SELECT $1::{name}[]"

    answer = await wire.connection.fetchval(statement, EXAMPLES[name])
    await wire.connection.close()

    assert answer == EXAMPLES[name]
    assert asked == [statement]


def test_these_are_the_arrays_that_statements_use() -> None:
    repositories = (Path(harka.__file__).parent / "repositories").glob("*.py")
    used = {name for path in repositories for name in re.findall(r"::(\w+)\[\]", path.read_text())}
    assert used == set(EXAMPLES)
