import asyncio

import pytest

from harka.cache.flight import Flights
from waiting import until

NAMES = {"a": "name of a", "b": "name of b"}


async def test_the_first_fetches_and_the_others_are_told() -> None:
    flights = Flights()
    own, _ = flights.divide(NAMES)
    with own:
        nothing, others = flights.divide(NAMES)
        assert (list(own.keys), list(nothing.keys)) == (["a", "b"], [])
        waiting = asyncio.create_task(others.wait())
        own.tell({"a": 1})
    assert await waiting == ({"a": 1}, [], [])


async def test_who_is_not_told_fetches_it_themselves() -> None:
    flights = Flights()

    async def fail() -> None:
        own, _ = flights.divide(NAMES)
        with own:
            await asyncio.sleep(0)
            raise ConnectionError

    failing = asyncio.create_task(fail())
    await asyncio.sleep(0)
    _, others = flights.divide({"a": "name of a"})
    assert await others.wait() == ({}, ["a"], [])
    with pytest.raises(ConnectionError):
        await failing


async def test_what_was_left_unfetched_is_told_apart_from_what_failed() -> None:
    flights = Flights()

    async def fetch() -> None:
        own, _ = flights.divide(NAMES)
        with own:
            await asyncio.Event().wait()

    leaving = asyncio.create_task(fetch())
    await asyncio.sleep(0)
    _, others = flights.divide({"a": "name of a"})
    leaving.cancel()
    assert await others.wait() == ({}, [], ["a"])


async def test_one_who_stops_waiting_ends_it_for_nobody_else() -> None:
    flights = Flights()
    own, _ = flights.divide(NAMES)
    with own:
        leaving, staying = (asyncio.create_task(flights.divide(NAMES)[1].wait()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        own.tell(dict.fromkeys(NAMES, 1))
    assert await staying == ({"a": 1, "b": 1}, [], [])


async def test_another_name_is_fetched_on_its_own() -> None:
    flights = Flights()
    own, _ = flights.divide({"a": "before the change"})
    with own:
        after, _ = flights.divide({"a": "after the change"})
        with after:
            assert list(after.keys) == ["a"]
        own.tell({})


async def test_who_looked_in_time_and_comes_late_is_told_and_then_it_is_over() -> None:
    flights = Flights()
    own, _ = flights.divide(NAMES)
    with own:
        own.tell({"a": 1})
    assert await flights.divide(NAMES)[1].wait() == ({"a": 1}, [], [])
    await until(lambda: is_over(flights))


async def test_what_failed_is_over_at_once() -> None:
    flights = Flights()
    for _ in range(2):
        own, _ = flights.divide(NAMES)
        with own:
            assert list(own.keys) == ["a", "b"]


async def is_over(flights: Flights) -> bool:
    own, _ = flights.divide(NAMES)
    with own:
        return bool(own.keys)
