"""The house rules that a script can count (ARCHITECTURE.md, CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "harka"
TESTS = ROOT / "tests"
MODULES = sorted(SOURCE.rglob("*.py"))
PYTHON = sorted(
    [
        *MODULES,
        *TESTS.rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.py"),
        *(ROOT / "loadtests").rglob("*.py"),
    ]
)

FORBIDDEN_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "base",
    "manager",
    "logging",
    "types_",
}
# a file that only assembles, or is only read by a generator, has no test of its own name
UNTESTED_SHARE = 0.05


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_a_file_stays_a_small_room(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500


def test_compiled_sources_stay_under_800_lines() -> None:
    assert all(len(p.read_text().splitlines()) <= 800 for p in SOURCE.rglob("*.pyx"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_function_fits_a_screen(path: Path) -> None:
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno is not None}
    assert {n: lines for n, lines in long.items() if lines > 60} == {}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_function_is_annotated(path: Path) -> None:
    assert [f.name for f in functions(path) if f.returns is None] == []


def test_names_say_what_is_inside() -> None:
    assert [name(p) for p in MODULES if p.stem in FORBIDDEN_NAMES or len(p.stem) < 3] == []


def test_only_config_reads_the_environment() -> None:
    readers = [name(p) for p in MODULES if re.search(r"\bos\.(environ|getenv)\b", p.read_text())]
    assert readers == ["src/harka/config.py"]


SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM)\b", re.DOTALL)


def test_sql_lives_in_repositories_and_storage_alone() -> None:
    strings = {
        name(path): [
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
        ]
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] not in {"repositories", "storage"}
    }
    assert {file: found for file, found in strings.items() if found} == {}


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_a_suppression_carries_its_code_and_its_reason(path: Path) -> None:
    marks = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:)(.*)$")
    bare = [
        line.strip()
        for line in path.read_text().splitlines()
        if (found := marks.search(line))
        and not re.match(r"(: [A-Z]+[0-9]+|\[[a-z-]+\]).* [-#] ?\S", found[2])
    ]
    assert bare == []


def test_sources_have_tests_of_their_name() -> None:
    tested = {p.stem.removeprefix("test_") for p in TESTS.rglob("test_*.py")}
    rooms = [p for p in MODULES if p.stem != "__init__" and p.read_text().strip()]
    without = [name(p) for p in rooms if not any(t == p.stem or t.startswith(f"{p.stem}_") for t in tested)]
    assert len(without) <= UNTESTED_SHARE * len(rooms), without
