"""Row-level security alone would keep tenants apart; the statements do it too, so that either may fail."""

import importlib
import pkgutil
import re

import pytest

import harka.repositories
from harka.storage.statement import CatalogStatement, Statement

CONSTANTS = [
    value
    for module in pkgutil.iter_modules(harka.repositories.__path__)
    for value in vars(importlib.import_module(f"harka.repositories.{module.name}")).values()
]
STATEMENTS = [value for value in CONSTANTS if isinstance(value, Statement)]
# those of the platform itself: the directory reads every tenant, keys are known by then to be verified, and
# who makes a tenant asks whether anybody lives in its shard
OF_ALL_TENANTS = {"organization.list_ids", "api_key.touch", "placement.inhabited", "scim_token.touch"}
CATALOG = [
    value for value in CONSTANTS if isinstance(value, CatalogStatement) and value.name not in OF_ALL_TENANTS
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_every_table_of_a_statement_is_bound_to_the_tenant(statement: Statement) -> None:
    # the lock on a name, not a table, carries the tenant in its own argument; a function reads nothing
    tables = len(re.findall(r"\{schema\}\.(?!\w+\()", re.sub(r"'[^']*'", "", statement.text)))
    filters = len(re.findall(r"\btenant_id = \$1\b", statement.text))
    written = len(re.findall(r"INSERT INTO \{schema\}\.\S+[^(]*\(\s*tenant_id\b", statement.text))
    assert filters + written >= tables, statement.text
    # what is written takes its tenant from the session
    assert written == 0 or re.search(r"(SELECT|VALUES \() ?\$1(::uuid)?\b", statement.text)


@pytest.mark.parametrize("statement", CATALOG, ids=lambda statement: statement.name)
def test_every_table_of_the_catalog_is_bound_to_tenants(statement: CatalogStatement) -> None:
    """Nothing but the statements keeps tenants apart there: the catalog has no row-level security."""
    theirs = len(re.findall(r"control\.(?!organization\b)\w+", statement.text))
    filters = len(re.findall(r"\btenant_id = (?:\$1\b|ANY\(\$1::uuid\[\]\)|o\.id\b)", statement.text))
    written = len(re.findall(r"INSERT INTO control\.\w+(?: AS \w+)?\s*\([^)]*\btenant_id\b", statement.text))
    assert filters + written >= theirs, statement.text
    if "control.organization" in statement.text:
        assert re.search(
            r"\b(?:id|slug) = (?:\$1|ANY\(\$1)|INSERT INTO control\.organization", statement.text
        )


def test_exceptions_are_statements_that_exist() -> None:
    names = {value.name for value in CONSTANTS if isinstance(value, CatalogStatement)}
    assert names >= OF_ALL_TENANTS
