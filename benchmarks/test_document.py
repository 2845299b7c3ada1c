"""Documents that are new each time: parsed, measured, validated, priced, and through the cache they thrash.

`pytest benchmarks/test_document.py --benchmark-only`. What the process takes at most is held to what the
cache may keep, and to what Python's allocator keeps besides.
"""

import gc
import resource

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harka.graph import document, schema
from harka.graph.document import Documents
from harka.graph.limits import Limits

DISTINCT = 100_000
IN_USE = "{ viewer { kind } }"
SLACK = 32 * 2**20


def peak() -> int:
    """Bytes that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.benchmark(group="documents: 100,000 distinct")
def test_distinct(benchmark: BenchmarkFixture) -> None:
    documents = Documents(schema.core(), Limits(), introspection=False)
    kept = [documents.prepare(IN_USE, hide_suggestions=True) for _ in range(2)]
    gc.collect()
    before = peak()

    def flood() -> None:
        for number in range(DISTINCT):
            documents.prepare(f"query Q{number} {{ viewer {{ kind }} }}", hide_suggestions=True).operation(
                None
            )

    benchmark.pedantic(flood, rounds=1, iterations=1)
    assert documents.kept_bytes <= document.CACHED_BYTES
    assert peak() - before < document.CACHED_BYTES + SLACK
    assert documents.prepare(IN_USE, hide_suggestions=True) is kept[0]
