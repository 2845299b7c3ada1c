import msgspec

from harka.tenancy.plan import LIMITS, Plan, Resource
from harka.tenancy.pools import CPU, MONTH, POINTS, REQUESTS, RUNNING, SOCKETS, TOLLS, pools_of

LIMIT = LIMITS[Plan.STARTER]


def test_each_limit_is_a_pool() -> None:
    pools = pools_of(LIMIT)
    requests, month, running, cpu = (pools[place] for place in (REQUESTS, MONTH, RUNNING, CPU))
    assert requests is not None
    assert month is not None
    assert running is not None
    assert cpu is not None
    assert (requests.rate, requests.capacity) == (LIMIT.requests_per_second, LIMIT.burst)
    assert (month.capacity, month.monthly) == (1_100_000, True), "with its grace"
    assert (running.capacity, running.is_held) == (LIMIT.concurrent_requests, True)
    assert (cpu.rate, cpu.capacity) == (100, 1000), "milliseconds"
    assert [each.is_held for each in (requests, month, cpu)] == [False] * 3
    assert set(TOLLS) == {REQUESTS, MONTH, RUNNING, CPU}


def test_what_has_no_limit_has_no_pool() -> None:
    pools = pools_of(msgspec.structs.replace(LIMIT, requests_per_month=None))
    assert [place for place, pool in enumerate(pools) if pool is None] == [MONTH]


def test_what_may_be_idle_is_a_hundredth_of_what_may_be_taken() -> None:
    """Over ten seconds; of what is held a tenth, and nothing where that is less than one."""
    for limits in LIMITS.values():
        for pool in pools_of(limits):
            if pool is not None and pool.rate:
                assert pool.most <= (pool.capacity + 10 * pool.rate) / 100
    small = pools_of(msgspec.structs.replace(LIMIT, sockets=9))[SOCKETS]
    assert small is not None
    assert (small.resource, small.most) == (Resource.SOCKETS, 0.0)
    for place in (REQUESTS, MONTH):
        pool = pools_of(
            msgspec.structs.replace(LIMIT, burst=2, requests_per_second=2.0, requests_per_month=60)
        )[place]
        assert pool is not None
        assert pool.most == 0.0
    points = pools_of(LIMIT)[POINTS]
    assert points is not None
    assert points.most == 1000.0
