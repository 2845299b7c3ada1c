"""Every place of every mutation, filled with what should not be there.

Like the matrix it is made from `schema.graphql`. Whatever comes in: an answer that says what is wrong, by
a code that clients know, and nothing half-written; or, where nothing is wrong after all, a mutation done.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from attack import filled
from operations import RootField
from places import Place
from speaker import MUTATIONS, Speaker
from state import States
from values import own_value
from worlds import World

from harka.errors import DeadlineExceededError, InternalError, UnavailableError

LONG = "x" * 200_000
TEXTS = (
    "",
    " ",
    LONG,
    "\0",
    "nul\0inside",
    "👩‍🏫" * 50,
    "\u202e\u05e9\u05dc\u05d5\u05dd\u202c",
    "\u0301",
    "'; --",
    "%s%n",
)
NUMBERS = (-1, 0, 2**31 - 1, 2**31, -(2**31), 2**63, 10**40, 1e308, 0.5)
OTHER = (None, True, {"a": 1}, [[]], [], ["x"], [None])
# the widest moments that the API's own format can write
MOMENTS = (
    "",
    "yesterday",
    "0001-01-01T00:00:00Z",
    "1950-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-02-30T00:00:00Z",
    LONG,
)
# what is nobody's to mend: a 500 by another name
BUGS = {InternalError.code, UnavailableError.code, DeadlineExceededError.code}


def bad_values(place: Place, own: Any) -> Iterator[Any]:
    """What may be wrong with a value of this place; some of it is right in one place or the other."""
    yield from OTHER
    yield from NUMBERS
    yield from (TEXTS if place.type.name != "DateTime" else MOMENTS)
    if place.choices:
        yield from (place.choices[0].lower(), f"{place.choices[0]} ")
    if place.is_list:
        one = own[0] if isinstance(own, list) else own
        yield from ([one, one], [one] * 5_000)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_bad_input_is_told_and_nothing_is_half_written(
    speaker: Speaker, states: States, worlds: dict[str, World], mutation: RootField, record_property: Any
) -> None:
    world = worlds["pool-a"]
    state = await states.of(world.organization)
    before = await state.rows()
    cases = 0
    for place in own_places(mutation):
        for value in bad_values(place, own_value(world)(place)):
            answer = await speaker.ask(
                world, mutation.brief, mutation.own(filled(mutation, world, place, value))
            )
            cases += 1
            where = f"{place.coordinate} {str(value)[:60]!r}: {answer.text[:500]}"
            assert answer.status in {200, 400}, where
            assert not answer.codes & BUGS, where
            if not answer.codes:
                await state.put_back(before)
    assert await state.changed(before) == set(), "something was refused, and half of it written"
    record_property("bad_input_cases", cases)


def own_places(mutation: RootField) -> list[Place]:
    return [place for place in mutation.places if not place.is_nested]
