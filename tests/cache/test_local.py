from typing import Any
from uuid import UUID, uuid4

from harka.cache.generation import ANY, TENANT
from harka.cache.local import LocalCache, LocalTenant, Stamp

NOW, LATER = 100.0, 200.0
COURSE = "course:1"


def opened(most: int = 10**6) -> LocalCache:
    return LocalCache(most)


def keep(
    cache: LocalCache, tenant: UUID, key: Any, *, scope: str = TENANT, number: int = 1, size: int = 100
) -> LocalTenant:
    local = cache.of(tenant)
    cache.learn(tenant, {TENANT: 1, scope: number})
    stamp = Stamp(1, scope, number)
    cache.keep(tenant, local, ("thing", 1, key), f"value {key}", stamp=stamp, until=LATER, size=size)
    return local


def found(cache: LocalCache, tenant: UUID, key: Any, now: float = NOW) -> Any:
    return cache.find(tenant, "thing", 1, key, now)


def test_what_is_kept_is_found_by_kind_key_and_tenant() -> None:
    cache, tenant = opened(), uuid4()
    keep(cache, tenant, "a")
    assert found(cache, tenant, "a") == "value a"
    assert cache.find(tenant, "other", 1, "a", NOW) is None
    assert cache.find(tenant, "thing", 2, "a", NOW) is None
    assert found(cache, tenant, "b") is None
    assert found(cache, uuid4(), "a") is None


def test_it_is_kept_for_its_time() -> None:
    cache, tenant = opened(), uuid4()
    keep(cache, tenant, "a")
    assert found(cache, tenant, "a", LATER) is None
    assert cache.bytes == 200, "the tenant's number"


def test_a_change_of_the_tenant_forgets_everything_of_it() -> None:
    cache, tenant, other = opened(), uuid4(), uuid4()
    for each in (tenant, other):
        keep(cache, each, "a", scope=COURSE)
    cache.learn(tenant, {TENANT: 2})
    assert found(cache, tenant, "a") is None
    assert found(cache, other, "a") == "value a"


def test_a_change_of_a_course_forgets_what_depends_on_it() -> None:
    cache, tenant = opened(), uuid4()
    keep(cache, tenant, "one", scope=COURSE)
    keep(cache, tenant, "other", scope="course:2")
    keep(cache, tenant, "answer", scope=ANY)
    cache.learn(tenant, {TENANT: 1, ANY: 2, COURSE: 2})
    assert [found(cache, tenant, key) for key in ("one", "other", "answer")] == [None, "value other", None]


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    cache, tenant = opened(), uuid4()
    local = cache.of(tenant)
    cache.learn(tenant, {TENANT: 2})
    stamp = Stamp(1, TENANT, 1)
    cache.keep(tenant, local, ("thing", 1, "a"), "old", stamp=stamp, until=LATER, size=1)
    assert found(cache, tenant, "a") is None


def test_what_was_read_before_something_may_have_been_missed_is_not_kept() -> None:
    cache, tenant = opened(), uuid4()
    local = cache.of(tenant)
    cache.learn(tenant, {TENANT: 1})
    cache.clear()
    cache.of(tenant)
    cache.learn(tenant, {TENANT: 1})
    stamp = Stamp(1, TENANT, 1)
    cache.keep(tenant, local, ("thing", 1, "a"), "old", stamp=stamp, until=LATER, size=1)
    assert found(cache, tenant, "a") is None


def test_a_message_that_comes_late_brings_nothing_back() -> None:
    cache, tenant = opened(), uuid4()
    keep(cache, tenant, "a")
    cache.learn(tenant, {TENANT: 2})
    cache.learn(tenant, {TENANT: 1})
    assert found(cache, tenant, "a") is None


def test_numbers_that_begin_anew_below_those_of_before_forget_everything() -> None:
    """As where Valkey has lost them, and a process whose clock is behind begins them anew."""
    cache, tenant = opened(), uuid4()
    local, name = cache.of(tenant), ("thing", 1, "a")
    cache.learn(tenant, {TENANT: 5, ANY: 5})
    cache.keep(tenant, local, name, "old", stamp=Stamp(5, ANY, 5), until=LATER, size=1)
    assert found(cache, tenant, "a") == "old"
    cache.learn(tenant, {TENANT: 3, ANY: 4})
    assert found(cache, tenant, "a") is None
    local = cache.of(tenant)
    cache.learn(tenant, {TENANT: 3, ANY: 4})
    cache.keep(tenant, local, name, "new", stamp=Stamp(3, ANY, 4), until=LATER, size=1)
    assert found(cache, tenant, "a") == "new"


def test_a_tenant_has_an_eighth_and_keeps_what_was_used_last() -> None:
    cache, tenant = opened(8 * 10_000), uuid4()
    for number in range(9):
        keep(cache, tenant, number, size=1000)
        found(cache, tenant, 0)
    assert found(cache, tenant, 0) == "value 0"
    assert found(cache, tenant, 1) is None
    assert cache.bytes <= 10_000


def test_where_everything_was_looked_at_the_oldest_goes() -> None:
    cache, tenant = opened(8 * 10_000), uuid4()
    for number in range(20):
        keep(cache, tenant, number, size=1000)
        assert found(cache, tenant, number)
        assert cache.bytes <= 10_000
    assert [found(cache, tenant, number) is not None for number in range(20)] == [False] * 14 + [True] * 6


def test_in_all_the_tenant_looked_at_the_longest_ago_goes_first() -> None:
    cache = opened(8 * 2000)
    tenants = [uuid4() for _ in range(12)]
    for tenant in tenants:
        keep(cache, tenant, "a", size=1200)
        found(cache, tenants[0], "a")
    assert cache.bytes <= 8 * 2000
    assert found(cache, tenants[0], "a") == "value a"
    assert found(cache, tenants[-1], "a") == "value a"
    assert found(cache, tenants[1], "a") is None


def test_whoever_makes_room_keeps_what_it_is_made_for() -> None:
    """Also where the others were all looked at, and the one with nothing yet is the first to go."""
    cache = opened(8 * 2000)
    whole_share = 2000 - 512 - 200
    for tenant in [uuid4() for _ in range(8)]:
        keep(cache, tenant, "a", size=whole_share)
        assert found(cache, tenant, "a")
    newest = uuid4()
    keep(cache, newest, "a", size=whole_share)
    assert found(cache, newest, "a") == "value a"
    assert cache.bytes == 8 * 2000


def test_however_many_tenants_few_are_remembered() -> None:
    cache = opened()
    for _ in range(5000):
        cache.of(uuid4())
    assert len(cache) == 4096


def test_what_is_too_large_displaces_nothing() -> None:
    cache, tenant = opened(8 * 10_000), uuid4()
    keep(cache, tenant, "a")
    keep(cache, tenant, "large", size=20_000)
    assert found(cache, tenant, "a") == "value a"
    assert found(cache, tenant, "large") is None


def test_bytes_are_those_of_what_is_there() -> None:
    cache, tenant = opened(), uuid4()
    for key in ("a", "b", "a"):
        keep(cache, tenant, key, size=488)
    assert cache.bytes == 2000 + 200, "two values, and the tenant's number"
    cache.learn(tenant, {TENANT: 2, COURSE: 1})
    assert cache.bytes == 2000 + 2 * 200
    cache.drop(tenant)
    assert cache.bytes == 0
    assert len(cache) == 0


def test_however_much_others_tell_of_a_tenant_little_is_remembered() -> None:
    """Nobody asks for anything of it here meanwhile."""
    cache, tenant, other = opened(8 * 10**7), uuid4(), uuid4()
    keep(cache, other, "a")
    keep(cache, tenant, "a")
    local, most = cache.of(tenant), 0
    for number in range(300_000):
        cache.learn(tenant, {TENANT: 1, ANY: number + 1, f"user:{number}": 1})
        most = max(most, cache.bytes)
    assert most < 1_000_000
    assert len(cache.of(tenant).numbers) <= 4096
    assert found(cache, tenant, "a") is None, "what is not known any more is not relied on"
    assert found(cache, other, "a") == "value a"
    stamp = Stamp(1, TENANT, 1)
    cache.keep(tenant, local, ("thing", 1, "b"), "old", stamp=stamp, until=LATER, size=1)
    assert found(cache, tenant, "b") is None


def test_numbers_take_their_part_of_what_there_is_in_all() -> None:
    cache, first = opened(8 * 20_000), uuid4()
    keep(cache, first, "a")
    for tenant in [uuid4() for _ in range(50)]:
        keep(cache, tenant, "a")
        for number in range(40):
            cache.learn(tenant, {f"course:{number}": 1})
            assert cache.bytes <= 8 * 20_000
    assert found(cache, first, "a") is None
    assert found(cache, tenant, "a") == "value a"


def test_older_values_make_room_for_numbers_and_in_the_end_all_of_it_goes() -> None:
    cache, tenant = opened(8 * 10_000), uuid4()
    for number in range(6):
        keep(cache, tenant, number, size=1000)
    cache.learn(tenant, {f"course:{number}": 1 for number in range(10)})
    assert found(cache, tenant, 0) is None
    assert found(cache, tenant, 5) == "value 5"
    cache.learn(tenant, {f"course:{number}": 1 for number in range(60)})
    assert (cache.bytes, len(cache)) == (0, 0)
