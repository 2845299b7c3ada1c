"""The compiled fast path against its twin: `pytest benchmarks/test_fastpath.py --benchmark-only`.

One round is 1,000 calls, so a time shown in µs is ns a call, the loop around it (about 10 ns) included.
"""

from importlib import import_module
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import harka

CALLS = 1000
KEY = bytes(range(16))
TENANT = bytes.fromhex("01890c3e7c4b7a308c2e0123456789ab")

COMMON = [
    (b"host", b"acme.harka.ai"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/graphql-response+json, application/json"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"content-type", b"application/json"),
    (b"content-length", b"212"),
    (b"x-request-id", b"01JD8Q4X6V7R4T2Y"),
]
BROWSER = [
    *COMMON,
    (b"accept-language", b"en-GB,en;q=0.5"),
    (b"origin", b"https://acme.harka.ai"),
    (b"cookie", b"theme=dark; lang=en; __Host-harka=" + b"s" * 43),
    (b"sec-fetch-mode", b"cors"),
    (b"connection", b"keep-alive"),
]
MOBILE = [*COMMON, (b"authorization", b"Bearer " + b"t" * 420)]
PARTNER = [*COMMON, (b"x-api-key", b"hk_abcdefghijkl_" + b"s" * 43)]


@pytest.fixture(params=["_fastpath", "_fastpath_py"], ids=["compiled", "twin"])
def fast(request: pytest.FixtureRequest) -> Any:
    if request.param == "_fastpath" and not [*Path(harka.__file__).parent.glob("_fastpath*.so")]:
        pytest.skip("the extension was not built here")
    return import_module(f"harka.{request.param}")


@pytest.mark.parametrize(
    ("kind", "headers"),
    [("cookie", BROWSER), ("JWT", MOBILE), ("API key", PARTNER)],
    ids=["cookie", "jwt", "key"],
)
def test_resolve(
    benchmark: BenchmarkFixture, fast: Any, kind: str, headers: list[tuple[bytes, bytes]]
) -> None:
    benchmark.group = f"resolve a request with {kind}"
    resolve = fast.HostTable("harka.ai", {"acme": 0}, {}, {}).resolve
    assert resolve(headers, False)[0] == 0

    def run() -> None:
        for _ in repeat(None, CALLS):
            resolve(headers, False)

    benchmark(run)


@pytest.mark.parametrize("tenants", [10, 1_000, 100_000])
def test_resolve_among(benchmark: BenchmarkFixture, fast: Any, tenants: int) -> None:
    benchmark.group = "resolve a thousand hosts among more and more tenants"
    table = fast.HostTable("harka.ai", {f"tenant{number:05}": number for number in range(tenants)}, {}, {})
    # a stride coprime to every size: hosts spread over the whole table, each its own bytes, as from a socket,
    # all of one length
    hosts = [f"tenant{number * 7919 % tenants:05}.harka.ai".encode() for number in range(CALLS)]
    requests = [[(b"host", host), *PARTNER[1:]] for host in hosts]
    resolve = table.resolve
    assert all(resolve(request, False)[0] >= 0 for request in requests)

    def run() -> None:
        for request in requests:
            resolve(request, False)

    benchmark(run)


@pytest.mark.benchmark(group="tenant of an API key")
def test_tenant_of_key(benchmark: BenchmarkFixture, fast: Any) -> None:
    tenant_of_key = fast.HostTable("harka.ai", {}, {}, {"abcdefghijkl": 0}).tenant_of_key

    def run() -> None:
        for _ in repeat(None, CALLS):
            tenant_of_key("abcdefghijkl")

    benchmark(run)


@pytest.mark.benchmark(group="cache key")
def test_cache_key(benchmark: BenchmarkFixture, fast: Any) -> None:
    cache_key = fast.cache_key
    parts = ("01890c3e-7c4b-7a30-8c2e-0123456789ab", 20, "published", None)

    def run() -> None:
        for _ in repeat(None, CALLS):
            cache_key(KEY, TENANT, 7, 3, "course", parts)

    benchmark(run)


@pytest.mark.benchmark(group="shard selection")
def test_select_shard(benchmark: BenchmarkFixture, fast: Any) -> None:
    select_shard = fast.select_shard

    def run() -> None:
        for _ in repeat(None, CALLS):
            select_shard(TENANT, 50)

    benchmark(run)


@pytest.mark.parametrize(("burst", "wait"), [(2**53, 0.0), (1, 1e9)], ids=["admitted", "refused"])
def test_take(benchmark: BenchmarkFixture, fast: Any, burst: int, wait: float) -> None:
    benchmark.group = f"quota check: {'refused' if wait else 'admitted'}"
    take = fast.Bucket(1e-9, burst).take
    take(1.0)
    assert take(1.0) == pytest.approx(wait)

    def run() -> None:
        for _ in repeat(None, CALLS):
            take(1.0)

    benchmark(run)


@pytest.mark.benchmark(group="quota check: at the door")
def test_enter(benchmark: BenchmarkFixture, fast: Any) -> None:
    """Requests a second and a month, operations under way, processor time."""
    enter, door = fast.enter, tuple(fast.Lease(1.0) for _ in range(4))
    for lease in door:
        lease.grant(1e15, 2.0, 0.0)
    assert enter(door, 1.0) == -1

    def run() -> None:
        for _ in repeat(None, CALLS):
            enter(door, 1.0)

    benchmark(run)
