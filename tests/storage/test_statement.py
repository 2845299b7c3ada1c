import pytest

from harka.storage.statement import CatalogStatement, Statement, checked_schema


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM {schema}.course",
        "SELECT * FROM {schema}.course WHERE id = $2",
        "SELECT * FROM {schema}.course WHERE id = $10",
        "SELECT * FROM course WHERE tenant_id = $1",
        "SELECT * FROM shard_small_1.course WHERE tenant_id = $1",
    ],
)
def test_statement_without_tenant_or_schema_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="tenant-scoped"):
        Statement("course.bad", text)


def test_statement_is_written_for_a_schema_once() -> None:
    statement = Statement("course.count", "SELECT count(*), '{}' FROM {schema}.course WHERE tenant_id = $1")
    text = statement.in_schema("shard_small_1")
    assert text == "SELECT count(*), '{}' FROM shard_small_1.course WHERE tenant_id = $1"
    assert statement.in_schema("shard_small_1") is text


@pytest.mark.parametrize(
    "schema", ["", "Shard", "1shard", "shard small", "x; DROP", 'x"', "x" * 64, "schéma", "x\n"]
)
def test_anything_but_a_plain_name_is_no_schema(schema: str) -> None:
    statement = Statement("course.count", "SELECT count(*) FROM {schema}.course WHERE tenant_id = $1")
    with pytest.raises(ValueError, match="not a schema name"):
        statement.in_schema(schema)


def test_longest_schema_name_is_accepted() -> None:
    assert checked_schema("x" * 63) == "x" * 63


def test_texts_of_thousands_of_schemas_do_not_add_up() -> None:
    statement = Statement("course.count", "SELECT count(*) FROM {schema}.course WHERE tenant_id = $1")
    for number in range(5000):
        statement.in_schema(f"tenant_{number}")
    assert len(statement._in_schema) <= 512


def test_catalog_statement_names_the_control_schema() -> None:
    with pytest.raises(ValueError, match="control"):
        CatalogStatement("bad", "SELECT * FROM organization")
