from contextlib import suppress
from uuid import uuid4

import pytest

from harka.errors import DeadlineExceededError, InternalError
from harka.storage.databases import Databases
from harka.storage.transaction import Opening, Transaction, rows_affected


@pytest.mark.parametrize(
    ("tag", "rows"), [("INSERT 0 3", 3), ("UPDATE 0", 0), ("DELETE 12", 12), ("SELECT 1", 1)]
)
def test_rows_affected_are_the_last_word_of_the_tag(tag: str, rows: int) -> None:
    assert rows_affected(tag) == rows


async def test_commit_that_the_server_turned_into_a_rollback_is_an_error(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
    with pytest.raises(InternalError):
        await transaction.send("fetch", "SELECT no_such_function()", ())
    with pytest.raises(InternalError, match="failed transaction"):
        await transaction.commit()


async def test_transaction_past_its_deadline_takes_no_connection(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=-1)
    with pytest.raises(DeadlineExceededError):
        await transaction.send("fetch", "SELECT 1", ())
    await transaction.rollback()


async def test_timeout_beyond_what_postgresql_counts_is_cut(databases: Databases) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=1e9)
    assert await transaction.send("fetchval", "SHOW statement_timeout", ()) == "2147483647ms"
    await transaction.commit()


async def test_error_inside_a_savepoint_that_the_code_raised_itself_is_undone_too(
    databases: Databases,
) -> None:
    transaction = Transaction(databases.database("app"), Opening("BEGIN"), timeout=5)
    name = f"app.test_{uuid4().hex}"
    with suppress(KeyError):
        async with transaction.savepoint():
            await transaction.send("fetch", "SELECT set_config($1, 'inside', true)", (name,))
            raise KeyError
    assert await transaction.send("fetchval", "SELECT current_setting($1, true)", (name,)) in {None, ""}
    await transaction.rollback()
    await transaction.rollback()
