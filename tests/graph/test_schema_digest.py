import os
import subprocess
import sys

import pytest
from graphql import build_schema

from harka.graph import schema, schema_digest
from harka.graph.schema_digest import digest

BEFORE = """
interface Named { name: String }
type Course implements Named { name: String }
type Path { name: String }
union Found = Course
enum Order { ASC }
input Filter { status: Order = ASC }
type Query { courses(first: Int = 5, filter: Filter): [Course!] found: Found path: Path }
"""
PROGRAM = (
    "from harka.graph import schema; from harka.graph.schema_digest import digest; "
    "print(digest(schema.core()).hex())"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ name: String }", "{ name: String! }"),
        ("Path { name", "Path { title"),
        ("Int = 5", "Int = 6"),
        ("first: Int", "first: Float"),
        ("= ASC", ""),
        ("{ ASC }", "{ ASC DESC }"),
        ("Found = Course", "Found = Course | Path"),
        ("Course implements Named", "Course"),
        ("[Course!]", "[Course]"),
    ],
)
def test_another_schema_has_another(before: str, after: str) -> None:
    assert before in BEFORE
    assert digest(build_schema(BEFORE)) != digest(build_schema(BEFORE.replace(before, after)))
    assert digest(build_schema(BEFORE)) == digest(build_schema(BEFORE))


def test_another_release_or_directive_is_another_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    known, find = schema.core(), digest.__wrapped__
    before = find(known)
    definition = known.type_map["Query"].fields["users"].extensions["strawberry-definition"]
    with monkeypatch.context() as changed:
        changed.setattr(definition, "directives", [])
        assert find(known) != before
    assert find(known) == before
    monkeypatch.setattr(schema_digest, "__version__", "another")
    assert find(known) != before


def test_every_process_of_a_release_finds_the_same() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True
    )
    assert made.stdout.strip() == digest(schema.core()).hex()
