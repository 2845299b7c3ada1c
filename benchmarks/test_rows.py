"""A statement's rows, as they were sent and as structs: `pytest benchmarks/test_rows.py --benchmark-only`.

"read" is from the bytes of PostgreSQL to rows of which nobody has looked at one; "write" from there to the
bytes of an answer with six fields of each. The twin of rows in place is a struct for each, which is what
there is without a compiler: asyncpg's own decoding, some 1 µs a row, is left out of its figure.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from library import COURSES, LESSONS, sent_of, table_of, values_of
from pytest_benchmark.fixture import BenchmarkFixture

from harka import executor, rows
from harka.codec import json_bytes
from harka.ids import NodeIds, NodeKind
from harka.repositories.lesson import Lesson
from records import uuid
from tenancy.samples import KEYRING, organization

pytestmark = pytest.mark.skipif(not executor.COMPILED, reason="the extensions were not built here")

FIELDS = ("position", "title", "kind", "durationMinutes", "weight")
ATTRIBUTES = ("position", "title", "kind", "duration_minutes", "weight")
TYPES = ("Int", "String", "String", "Int", "Float")
TENANT = organization().id
NODE_IDS = NodeIds(KEYRING.node_id)
COUNT = COURSES * LESSONS


@pytest.mark.parametrize("way", ["in place", "structs"])
def test_read(benchmark: BenchmarkFixture, way: str) -> None:
    benchmark.group = f"rows: read {COUNT:,}"
    (oids, data), records = sent_of(Lesson), values_of(Lesson)

    def read() -> Sequence[Lesson]:
        if way == "in place":
            return rows.unpack(Lesson, oids, data, uuid)
        return [Lesson(*values) for values in records]

    assert len(benchmark(read)) == COUNT


def shape() -> "executor.Shape":
    made = executor.Shape(Lesson, NodeKind.LESSON)
    made.add(executor.Field.sealed("id"))
    for key, attribute, type_ in zip(FIELDS, ATTRIBUTES, TYPES, strict=True):
        made.add(executor.Field.leaf(key, attribute, type_, nullable=True, encode=json_bytes))
    return made


def frames(lessons: Sequence[Lesson]) -> Callable[[], bytes]:
    """Writes them as the executor does: one list below the root."""
    seal = executor.Seal(NODE_IDS.key, TENANT.bytes)
    below = executor.Field.child(
        "lessons", "lessons", shape(), many=True, nullable=False, nullable_items=False
    )
    root = executor.Shape(None, 0)
    root.add(below)

    def write() -> bytes:
        top = executor.Frame(root, [None])
        (frame,) = top.attach(below, [lessons])
        frame.write(seal)
        top.write(seal)
        return top.data()

    return write


def dictionaries(lessons: Sequence[Lesson]) -> Callable[[], bytes]:
    """As whoever has structs and an encoder of JSON: the answer as a tree of dictionaries first."""

    def write() -> bytes:
        return json_bytes(
            {
                "lessons": [
                    {
                        "id": NODE_IDS.seal(TENANT, NodeKind.LESSON, lesson.id),
                        "position": lesson.position,
                        "title": lesson.title,
                        "kind": lesson.kind,
                        "durationMinutes": lesson.duration_minutes,
                        "weight": lesson.weight,
                    }
                    for lesson in lessons
                ]
            }
        )

    return write


WAYS: dict[str, tuple[bool, Callable[[Any], Callable[[], bytes]]]] = {
    "in place": (False, frames),
    "structs": (True, frames),
    "dictionaries": (True, dictionaries),
}


@pytest.mark.parametrize("way", WAYS)
def test_write(benchmark: BenchmarkFixture, way: str) -> None:
    benchmark.group = f"rows: write {COUNT:,}"
    plain, made = WAYS[way]
    write = made(table_of(Lesson, plain=plain))
    assert write() == dictionaries(table_of(Lesson, plain=True))()
    benchmark(write)
