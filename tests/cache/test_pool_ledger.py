import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from harka import clock
from harka.cache import pool_ledger
from harka.cache.pool_ledger import Ask, SharedLedger, Told
from harka.errors import UnavailableError
from harka.ids import new_id
from harka.valkey import close_client, command, open_client
from own_valkey import OwnValkey
from waiting import until

Open = Callable[..., SharedLedger]


@pytest.fixture
async def opened(shared_valkey: OwnValkey) -> AsyncIterator[Open]:
    """Call it for a ledger as another process has it."""
    async with AsyncExitStack() as stack:

        def make(url: str = shared_valkey.url, **options: Any) -> SharedLedger:
            ledger = SharedLedger(url, uuid4().hex, processes=4, **options)
            stack.push_async_callback(ledger.close)
            return ledger

        yield make


def ask(pool: str = "flows", **changes: Any) -> Ask:
    whole: dict[str, Any] = {
        "rate": 1e-6,
        "capacity": 100.0,
        "window": "",
        "held": 0.0,
        "idle": 0.0,
        "back": 0.0,
        "debt": 0.0,
        "need": 0.0,
        "want": 0.0,
        "most": 1.0,
        "seed": 0.0,
    }
    return Ask(pool=pool, **(whole | changes))


def held(**changes: Any) -> Ask:
    return ask("held", rate=0.0, **changes)


async def test_all_processes_together_draw_what_there_is(opened: Open) -> None:
    tenant, other = new_id(), new_id()
    ledgers = [opened() for _ in range(4)]
    told = await asyncio.gather(*(each.draw(tenant, [ask(need=30.0)]) for each in ledgers))
    assert sorted(each.granted for (each,) in told) == [10.0, 30.0, 30.0, 30.0]
    (elsewhere,) = await ledgers[0].draw(other, [ask(need=30.0)])
    assert (elsewhere.granted, round(elsewhere.free)) == (30.0, 70)


async def test_what_goes_back_is_there_for_others_and_debts_are_not(opened: Open) -> None:
    tenant, one, another = new_id(), opened(), opened()
    await one.draw(tenant, [ask(need=100.0), held(need=100.0)])
    await one.draw(tenant, [ask(back=60.0), held(held=40.0)])
    told = await another.draw(tenant, [ask(need=100.0, debt=20.0), held(need=100.0)])
    assert [each.granted for each in told] == [40.0, 60.0]


async def test_what_a_process_holds_goes_back_when_it_is_gone(opened: Open) -> None:
    """What was idle of what flows; all of what is only held."""
    tenant, gone, there = new_id(), opened(lease=0.05), opened()
    await gone.draw(tenant, [ask(need=50.0, want=40.0, most=40.0), held(need=100.0)])

    async def is_back() -> bool:
        (told,) = await there.draw(tenant, [held(need=1.0)])
        return told.granted == 1.0

    await until(is_back)
    told = await there.draw(tenant, [ask(need=100.0), held(held=1.0, need=99.0)])
    assert [each.granted for each in told] == [50.0, 99.0]
    (late,) = await gone.draw(tenant, [ask(back=40.0, need=1.0)])
    assert late.granted == 0.0, "it went back already"


async def test_what_is_reserved_of_a_month_goes_back_when_a_process_is_gone_and_counts_when_it_is_not(
    opened: Open,
) -> None:
    tenant, slow, there = new_id(), opened(lease=0.05), opened()
    month = {"rate": 0.0, "window": "2026-05-01"}
    (told,) = await slow.draw(tenant, [ask(**month, need=90.0)])
    assert told.granted == 90.0

    async def is_back() -> bool:
        (told,) = await there.draw(tenant, [ask(**month)])
        return told.free == 100.0

    await until(is_back)
    (told,) = await slow.draw(tenant, [ask(**month, reserved=90.0)])
    assert told.free == 10.0, "it was only slow"
    (told,) = await slow.draw(tenant, [ask(**month, reserved=90.0)])
    assert told.free == 10.0, "once"


async def test_what_the_ledger_never_knew_of_is_given_back_to_nobody(opened: Open) -> None:
    """A download that began while nobody knew the month, and ended once another process did."""
    tenant, trusting, there = new_id(), opened(), opened()
    month = {"rate": 0.0, "window": "2026-05-01"}
    await trusting.draw(tenant, [ask(**(month | {"seed": -1.0}), need=90.0), held(need=1.0)])
    await there.draw(tenant, [ask(**month, need=50.0)])
    (told, _) = await trusting.draw(tenant, [ask(**month, back=90.0), held(held=1.0)])
    assert told.free == 50.0


async def test_what_is_reserved_of_one_month_is_nothing_of_the_next(opened: Open) -> None:
    tenant, gone, there = new_id(), opened(lease=0.05), opened()
    await gone.draw(tenant, [ask(rate=0.0, window="2026-05-01", need=90.0), held(need=1.0)])
    june = {"rate": 0.0, "window": "2026-06-01"}
    await there.draw(tenant, [ask(**june, need=50.0)])

    async def is_gone() -> bool:
        (told,) = await there.draw(tenant, [held()])
        return told.free == 100.0

    await until(is_gone)
    (told,) = await there.draw(tenant, [ask(**june, used=50.0)])
    assert told.free == 50.0


async def test_what_was_said_of_a_month_is_remembered_though_it_is_not_said_again(opened: Open) -> None:
    tenant, one = new_id(), opened()
    month = {"rate": 0.0, "window": "2026-05-01"}
    await one.draw(tenant, [ask(**month)])
    seeded = clock.monotonic()

    async def is_later() -> bool:
        return clock.monotonic() > seeded + 0.01

    await until(is_later)
    since = clock.monotonic()
    for _ in range(3):
        (told,) = await one.draw(tenant, [ask(**month, used=50.0, since=since)])
        assert told.free == 50.0
        await one.draw(tenant, [held()])
    (told,) = await one.draw(tenant, [ask(**month, used=10.0, since=clock.monotonic())])
    assert told.free == 40.0, "it was counted anew"


async def test_what_is_idle_of_one_month_is_nothing_of_the_next(opened: Open) -> None:
    tenant, one, another = new_id(), opened(), opened()
    await one.draw(tenant, [ask(rate=0.0, window="2026-05-01", want=9.0, most=10.0)])
    (told,) = await another.draw(tenant, [ask(rate=0.0, window="2026-06-01", want=9.0, most=10.0)])
    assert (told.granted, told.elsewhere) == (9.0, 0.0)


async def written_down(url: str, tenant: UUID) -> Any:
    """Of whom the ledger holds something."""
    client = open_client(url, connections=1, connect_timeout=1.0)
    try:
        stored = await command(client, "GET", f"harka:quota:{{{tenant.hex}}}")
    finally:
        await close_client(client)
    # an empty table of Lua's is an empty list
    return msgspec.msgpack.decode(stored)["held"] or {}


async def test_a_month_that_begins_again_holds_nothing_of_what_was_written_down(opened: Open) -> None:
    """As where drawings of two processes cross at its turn."""
    tenant, one, another = new_id(), opened(), opened()
    december, november = ({"rate": 0.0, "window": each} for each in ("2026-12", "2026-11"))
    await one.draw(tenant, [ask(need=30.0, **december)])
    await another.draw(tenant, [ask(need=1.0, **november)])
    (told,) = await one.draw(tenant, [ask(held=30.0, reserved=30.0, **december)])
    assert round(told.free) == 70


async def test_of_many_that_are_gone_the_latest_are_remembered(
    shared_valkey: OwnValkey, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_ledger, "_SILENT_KEPT", 3)
    tenant, month = new_id(), {"rate": 0.0, "window": "2026-11"}
    gone = [opened(lease=0.001) for _ in range(6)]
    for each in gone:
        await each.draw(tenant, [ask(used=1.0, since=clock.monotonic(), **month)])
    last = opened()

    async def are_gone() -> bool:
        await last.draw(tenant, [ask(**month)])
        return len(await written_down(shared_valkey.url, tenant)) <= 4

    await until(are_gone)
    kept = await written_down(shared_valkey.url, tenant)
    assert set(kept) == {each._process for each in (*gone[3:], last)}


async def test_of_who_stops_nothing_is_written_down(shared_valkey: OwnValkey, opened: Open) -> None:
    tenant, one, month = new_id(), opened(), {"rate": 0.0, "window": "2026-11"}
    since = clock.monotonic()
    await one.draw(tenant, [ask(need=30.0, since=since, **month), held(need=1.0)])
    assert list(await written_down(shared_valkey.url, tenant)) == [one._process]
    one.stop()
    (told,) = await one.draw(tenant, [ask(used=20.0, since=since, **month)])
    assert (round(told.free), await written_down(shared_valkey.url, tenant)) == (80, {})


async def test_no_more_than_the_most_is_idle_anywhere(opened: Open) -> None:
    tenant = new_id()
    told = [(await opened().draw(tenant, [ask(want=7.0, most=10.0)]))[0].granted for _ in range(3)]
    assert told == [7.0, 3.0, 0.0]
    (needed,) = await opened().draw(tenant, [ask(need=5.0, want=5.0, most=10.0)])
    assert needed.granted == 5.0, "who waits is served"


async def test_a_month_nobody_knows_is_asked_for_and_another_begins_anew(opened: Open) -> None:
    tenant, one, another = new_id(), opened(), opened()
    may = {"rate": 0.0, "window": "2026-05-01"}
    assert await one.draw(tenant, [ask(**may, need=5.0, seed=-1.0)]) == [Told(0.0, 0.0, unknown=True)]
    (told,) = await one.draw(tenant, [ask(**may, need=5.0, seed=90.0)])
    assert (told.granted, told.free) == (5.0, 5.0)
    (told,) = await another.draw(tenant, [ask(**may, need=50.0, seed=0.0)])
    assert (told.granted, told.free) == (5.0, 0.0), "who seeds it later changes nothing"
    (told,) = await another.draw(tenant, [ask(rate=0.0, window="2026-06-01", need=50.0, seed=-1.0)])
    assert told.unknown


async def test_what_is_broken_of_one_tenant_is_no_outage_for_another(
    opened: Open, shared_valkey: OwnValkey
) -> None:
    broken, whole, ledger = new_id(), new_id(), opened()
    client = open_client(shared_valkey.url, connections=1, connect_timeout=1.0)
    try:
        await command(client, "SET", f"harka:quota:{{{broken.hex}}}", b"nothing that was packed")
    finally:
        await close_client(client)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await ledger.draw(broken, [ask(need=1.0)])
        (told,) = await ledger.draw(whole, [ask(need=1.0)])
        assert told.granted == 1.0


async def test_what_flows_comes_back_with_time(opened: Open) -> None:
    tenant, ledger = new_id(), opened()
    await ledger.draw(tenant, [ask(need=100.0, rate=1000.0)])

    async def is_back() -> bool:
        (told,) = await ledger.draw(tenant, [ask(need=100.0, rate=1000.0)])
        return told.granted > 0.0

    await until(is_back)


async def test_a_ledger_that_is_away_says_so_at_once_and_is_found_again(
    own_valkey: OwnValkey, opened: Open
) -> None:
    ledger, tenant = opened(own_valkey.url), new_id()
    await ledger.beat()
    assert ledger.share == 1.0
    own_valkey.freeze()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await ledger.draw(tenant, [ask(need=1.0)])
    await ledger.beat()
    assert ledger.share == 1.0, "as far as is known"
    own_valkey.thaw()

    async def answers() -> bool:
        try:
            await ledger.draw(tenant, [ask(need=1.0)])
        except UnavailableError:
            return False
        return True

    await until(answers)


async def test_processes_are_counted(own_valkey: OwnValkey, opened: Open) -> None:
    ledgers = [opened(own_valkey.url) for _ in range(3)]
    assert ledgers[0].share == 1 / 4, "until Valkey says so"
    for each in [*ledgers, *ledgers]:
        await each.beat()
    assert [each.share for each in ledgers] == [1 / 3] * 3


async def test_nothing_is_granted_that_nobody_there_can_use(opened: Open) -> None:
    """What one lacks the half of is there for another, in whatever process."""
    tenant, one, another = new_id(), opened(), opened()
    (told,) = await one.draw(tenant, [ask(need=150.0, sizes=[(150.0, 1)])])
    assert (told.granted, round(told.free)) == (0.0, 100)
    (told,) = await another.draw(tenant, [ask(need=190.0, sizes=[(10.0, 4), (150.0, 1)])])
    assert (told.granted, round(told.free)) == (40.0, 60)
    (told,) = await another.draw(tenant, [ask(held=20.0, idle=20.0, need=60.0, sizes=[(80.0, 1)])])
    assert told.granted == 60.0, "it has some of that"
    (told,) = await one.draw(tenant, [ask(back=60.0, need=100.0)])
    assert told.granted == 0.0, "of which it had nothing"
    (told,) = await another.draw(tenant, [ask(back=30.0, need=155.0, sizes=[(150.0, 1)])])
    assert told.granted == 5.0, "a debt is paid all the same"
    (told,) = await another.draw(tenant, [ask(need=150.0)])
    assert told.granted == 25.0, "and bit by bit"
    sizes = [(30.0, 1), (100.0, 1), (150.0, 1)]
    (told,) = await one.draw(new_id(), [ask(held=30.0, idle=30.0, need=250.0, sizes=sizes)])
    assert told.granted == 100.0, "what it has is the first one's"


async def test_a_part_of_one_is_granted_to_who_has_the_rest(opened: Open) -> None:
    tenant, one = new_id(), opened()
    (told,) = await one.draw(tenant, [ask(need=99.5)])
    assert told.granted == 99.5
    (told,) = await one.draw(tenant, [ask(held=0.5, idle=0.5, need=0.5, sizes=[(1.0, 1)])])
    assert told.granted == 0.5


async def test_a_clock_that_is_set_back_takes_nothing(shared_valkey: OwnValkey, opened: Open) -> None:
    """As after a failover to a machine whose clock is behind."""
    tenant, one = new_id(), opened()
    await one.draw(tenant, [ask(need=10.0, rate=1.0)])
    client = open_client(shared_valkey.url, connections=1, connect_timeout=1.0)
    key = f"harka:quota:{{{tenant.hex}}}"
    try:
        stored = msgspec.msgpack.decode(await command(client, "GET", key))
        stored["pools"]["flows"]["at"] += 60.0
        await command(client, "SET", key, msgspec.msgpack.encode(stored))
    finally:
        await close_client(client)
    (told,) = await one.draw(tenant, [ask(need=1.0, rate=1.0)])
    assert told.free >= 89.0
