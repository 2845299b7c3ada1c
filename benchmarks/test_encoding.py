"""The last step to bytes: an answer that is text already, against a tree of dictionaries, by two encoders."""

import json

import pytest
from library import COURSES
from pytest_benchmark.fixture import BenchmarkFixture

from harka.codec import from_json, json_bytes, json_fragment
from harka.graph.answer import Answer

TREE = {
    "courses": {
        "nodes": [
            {
                "id": f"Q291cnNlOjAx{number:020}",
                "code": f"C-{number}",
                "title": f"Course {number}",
                "version": 1,
            }
            for number in range(COURSES)
        ]
    }
}
TEXT = json_bytes(TREE)


@pytest.mark.parametrize("way", ["text", "tree", "json"])
def test_encode(benchmark: BenchmarkFixture, way: str) -> None:
    benchmark.group = f"encode an answer of {COURSES:,} objects"
    if way == "json":
        encoded = benchmark(lambda: json.dumps({"data": TREE}).encode())
    else:
        answer = Answer(body={"data": json_fragment(TEXT) if way == "text" else TREE})
        encoded = benchmark(answer.json)
    assert from_json(encoded) == {"data": TREE}
