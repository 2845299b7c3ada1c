"""The tools that client developers compile their documents with take the schema as it is."""

import shutil
from pathlib import Path

import pytest

from harka.codec import from_json
from harka.config import Settings
from harka.graph.trusted import read_trusted
from node import run

ROOT = Path(__file__).parents[2]
RELAYS = {
    "CoursesCourseRefetchQuery",
    "CoursesListPaginationQuery",
    "CoursesQuery",
    "Courses_course",
    "Courses_list",
    "EnrollmentEnrollMutation",
    "EnrollmentFollowSubscription",
    "Enrollment_progress",
}


@pytest.fixture
def project(packages: Path) -> Path:
    """A client's project with the schema of this checkout."""
    shutil.copy(ROOT / "schema.graphql", packages)
    return packages


def test_graphql_codegen_makes_types_that_compile(project: Path) -> None:
    types = run(project, "node", "codegen.mjs")
    assert "export type CatalogQuery = " in types
    (project / "documents" / "types.ts").write_text(types)
    compiler = project / "node_modules" / "typescript" / "bin" / "tsc"
    run(project / "documents", "node", str(compiler), "--noEmit", "--strict", "use.ts")


def test_the_relay_compiler_takes_pages_refetches_mutations_and_subscriptions(project: Path) -> None:
    """It knows the connections and `node` for what they are: it writes the queries for them itself."""
    compiler = project / "node_modules" / "relay-compiler" / "cli.js"
    (project / "persisted.json").write_text("{}")
    run(project, "node", str(compiler), "relay.config.json")
    made = (project / "src" / "__generated__").glob("*.graphql.ts")
    assert {file.name.removesuffix(".graphql.ts") for file in made} == RELAYS
    file = project / "persisted.json"
    persisted = from_json(file.read_bytes())
    assert len(persisted) == len([name for name in RELAYS if "_" not in name])
    trusted = read_trusted(Settings(trusted_documents=str(file)), [])
    assert [trusted.find(sha256) for sha256 in persisted] == list(persisted.values())
