from typing import get_args

import pytest

from harka.storage.migration import MigrationError, Stream, parse, stream_migrations

FILE = """-- what it is for

-- migrate:up
CREATE TABLE a (b int);
CREATE TABLE c (
  d int
);

-- migrate:down
DROP TABLE c, a;
"""


def test_file_is_split_at_its_markers() -> None:
    migration = parse("20261123090000_first_tables.sql", FILE)
    assert (migration.version, migration.name) == ("20261123090000", "first_tables")
    assert migration.up.startswith("CREATE TABLE a")
    assert migration.down == "DROP TABLE c, a;"
    assert migration.transactional
    assert migration.file_name == "20261123090000_first_tables.sql"


def test_statement_ends_with_its_line() -> None:
    statements = parse("20261123090000_x.sql", FILE).statements
    assert statements == ["CREATE TABLE a (b int)", "CREATE TABLE c (\n  d int\n)"]


def test_file_may_ask_for_no_transaction() -> None:
    text = FILE.replace("migrate:up", "migrate:up transaction:false")
    assert not parse("20261123090000_x.sql", text).transactional


def test_checksum_is_of_what_is_applied() -> None:
    migration = parse("20261123090000_x.sql", FILE)
    reworded = parse("20261123090000_x.sql", FILE.replace("what it is for", "why it is there"))
    changed = parse("20261123090000_x.sql", FILE.replace("b int", "b bigint"))
    assert reworded.checksum == migration.checksum != changed.checksum


@pytest.mark.parametrize(
    "name", ["first.sql", "1_first.sql", "20261123090000_First.sql", "20261123090000_x.txt"]
)
def test_other_file_names_are_refused(name: str) -> None:
    with pytest.raises(MigrationError):
        parse(name, FILE)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE a ();",
        "-- migrate:up\nCREATE TABLE a ();",
        "-- migrate:down\nDROP TABLE a;\n-- migrate:up\nCREATE TABLE a ();",
        FILE + "\n-- migrate:up\nSELECT 1;",
        FILE.replace("migrate:up", "migrate:up transaction:maybe"),
    ],
)
def test_file_without_one_up_and_one_down_is_refused(text: str) -> None:
    with pytest.raises(MigrationError):
        parse("20261123090000_x.sql", text)


@pytest.mark.parametrize("stream", get_args(Stream))
def test_shipped_files_are_in_order_and_reversible(stream: Stream) -> None:
    migrations = stream_migrations(stream)
    assert migrations
    versions = [migration.version for migration in migrations]
    assert versions == sorted(set(versions))
    assert all(migration.up and migration.down for migration in migrations)
