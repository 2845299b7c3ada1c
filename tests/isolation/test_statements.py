"""Row-level security alone would keep tenants apart; the statements do it too, so that either may fail."""

import importlib
import pkgutil
import re

import pytest

import harka.repositories
from harka.storage.statement import Statement

STATEMENTS = [
    value
    for module in pkgutil.iter_modules(harka.repositories.__path__)
    for value in vars(importlib.import_module(f"harka.repositories.{module.name}")).values()
    if isinstance(value, Statement)
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_every_table_of_a_statement_is_bound_to_the_tenant(statement: Statement) -> None:
    # the lock on a name, not a table, carries the tenant in its own argument
    tables = len(re.findall(r"\{schema\}\.", re.sub(r"'[^']*'", "", statement.text)))
    filters = len(re.findall(r"\btenant_id = \$1\b", statement.text))
    written = len(re.findall(r"INSERT INTO \{schema\}\.\S+[^(]*\(\s*tenant_id\b", statement.text))
    assert filters + written >= tables, statement.text
    # what is written takes its tenant from the session
    assert written == 0 or re.search(r"(SELECT|VALUES \() ?\$1(::uuid)?\b", statement.text)
