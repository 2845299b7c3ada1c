import tracemalloc

from harka.graph.document_cache import DocumentCache

MOST = 64_000


def filled(count: int, *, weight: int = 1_000) -> DocumentCache[bytes]:
    cache = DocumentCache[bytes](MOST)
    for number in range(count):
        cache.keep(f"d{number}", bytes(weight), weight)
    return cache


def test_what_is_kept_is_found() -> None:
    cache = filled(3)
    assert cache.get("d1") == bytes(1_000)
    assert cache.get("d3") is None
    assert (len(cache), cache.weight) == (3, 3_000)


def test_100_000_that_are_asked_for_once_take_a_quarter_of_the_memory() -> None:
    tracemalloc.start()
    try:
        cache = filled(100_000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(cache), cache.weight) == (16, 16_000)
    assert held < MOST


def test_the_newest_of_those_asked_for_once_are_kept() -> None:
    cache = filled(20)
    assert [number for number in range(20) if cache.get(f"d{number}")] == list(range(4, 20))


def test_what_is_asked_for_again_survives_100_000_others() -> None:
    cache = filled(3)
    assert cache.get("d1")
    for number in range(100_000):
        cache.keep(f"other {number}", b"", 1_000)
    assert cache.get("d1")
    assert cache.get("d0") is None


def test_of_those_in_use_the_least_recently_used_is_forgotten() -> None:
    cache = DocumentCache[bytes](MOST)
    for number in range(60):
        cache.keep(f"d{number}", b"", 1_000)
        assert cache.get(f"d{number}") == b""
        assert cache.get("d0") == b""
    kept = [number for number in range(60) if cache.get(f"d{number}") is not None]
    assert kept == [0, *range(13, 60)]
    assert cache.weight == 48_000


def test_what_is_too_heavy_is_not_kept() -> None:
    cache = filled(1)
    cache.keep("heavy", b"", MOST // 4 + 1)
    assert cache.get("heavy") is None
    assert cache.get("d0")
