"""Every place of every mutation, filled with what should not be there.

Like the matrix it is made from `schema.graphql`. Whatever comes in: an answer that says what is wrong, by
a code that clients know, and nothing half-written; or, where nothing is wrong after all, a mutation done.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from attack import accepted, filled
from operations import RootField
from places import NEEDED, Place, is_required
from redis.asyncio import Redis
from speaker import MUTATIONS, Speaker
from state import States, TenantState
from values import own_value
from worlds import World

from harka.errors import (
    ConflictError,
    DeadlineExceededError,
    DocumentInvalidError,
    InternalError,
    UnavailableError,
)
from harka.runtime import Runtime

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
# what a place of another type makes of them is told by one of each kind
FEW_TEXTS, FEW_NUMBERS = ("", " ", "nul\0inside"), (-1, 10**40, 0.5)
NUMERIC, ENUMERATED = {"Int", "Float"}, {"Boolean"}
# 0 is of the first thing that is handed in; of each of many people it is among the results; nobody has a
# second factor, of which one could be stale
TOLD_OTHERWISE = {"SubmitAssignmentInput.version", "BulkUserInput.version", "RemoveTotpInput.version"}
# what is nobody's to mend: a 500 by another name
BUGS = {InternalError.code, UnavailableError.code, DeadlineExceededError.code}

_CREATE = {mutation.name.removeprefix("create"): mutation for mutation in MUTATIONS}
# what is made and what is changed of the same kind
UPDATED = [
    (_CREATE[kind], mutation)
    for mutation in MUTATIONS
    if (kind := mutation.name.removeprefix("update")) in _CREATE and kind != mutation.name
]


def bad_values(place: Place, own: Any) -> Iterator[Any]:
    """What may be wrong with a value of this place; some of it is right in one place or the other."""
    yield from OTHER
    yield from (NUMBERS if place.type.name in NUMERIC else FEW_NUMBERS)
    if place.type.name in NUMERIC | ENUMERATED or place.choices:
        yield from FEW_TEXTS
    else:
        yield from (TEXTS if place.type.name != "DateTime" else MOMENTS)
    if place.choices:
        yield from (place.choices[0].lower(), f"{place.choices[0]} ")
    if place.is_list:
        one = own[0] if isinstance(own, list) else own
        yield from ([one, one], [one] * 5_000)


@pytest.fixture(autouse=True)
async def tries_are_left(runtime: Runtime) -> None:
    """Also after a mutation that takes the same password."""
    runtime.throttle._local.clear()
    assert runtime.settings.redis_url is not None
    async with Redis.from_url(runtime.settings.redis_url) as valkey:
        async for name in valkey.scan_iter("*harka:try:*", count=1_000):
            await valkey.delete(name)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_bad_input_is_told_and_nothing_is_half_written(
    speaker: Speaker, states: States, worlds: dict[str, World], mutation: RootField, record_property: Any
) -> None:
    world = worlds["pool-a"]
    state = await states.of(world.organization)
    before = await state.rows()
    cases = 0
    for what, variables, code in bad_inputs(mutation, world):
        answer = await speaker.ask(world, mutation.brief, mutation.own(variables))
        cases += 1
        where = f"{what}: {answer.text[:500]}"
        assert answer.status in {200, 400}, where
        assert not answer.codes & BUGS, where
        assert code is None or code in answer.codes, where
        if not answer.codes:
            await state.put_back(before)
    assert await state.changed(before) == set(), "something was refused, and half of it written"
    record_property("bad_input_cases", cases)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_the_same_a_second_time_is_told_or_done(
    speaker: Speaker, states: States, worlds: dict[str, World], mutation: RootField
) -> None:
    """A name that is taken by now, an invitation that is accepted, a version that is none any more."""
    world = worlds["pool-a"]
    state = await states.of(world.organization)
    before = await state.rows()
    for variables in accepted(mutation, world):
        own = mutation.own(variables)
        first = await speaker.ask(world, mutation.brief, own)
        assert first.codes == set(), first.text
        await refused_or_done(speaker, world, state, mutation, own)
        await state.put_back(before)


@pytest.mark.parametrize(("create", "update"), UPDATED, ids=lambda mutation: mutation.name)
async def test_what_another_has_is_told_when_it_is_given_to_one_more(
    speaker: Speaker, states: States, worlds: dict[str, World], create: RootField, update: RootField
) -> None:
    """Names, addresses and codes that are another's; some may be had twice."""
    world = worlds["pool-a"]
    state = await states.of(world.organization)
    before = await state.rows()
    places, made = {place.name: place for place in own_places(update)}, 0
    for place in own_places(create):
        if place.type.name != "String" or place.name not in places:
            continue
        taken = own_value(world)(place)
        first = await speaker.ask(world, create.brief, create.own(filled(create, world, place, taken)))
        # some places go with other values only
        made += not first.codes
        variables = filled(update, world, places[place.name], taken)
        await refused_or_done(speaker, world, state, update, update.own(variables))
        await state.put_back(before)
    assert made


async def refused_or_done(
    speaker: Speaker, world: World, state: TenantState, mutation: RootField, variables: dict[str, Any]
) -> None:
    """By a code that clients know, and then nothing is written."""
    before = await state.rows()
    answer = await speaker.ask(world, mutation.brief, variables)
    assert answer.status in {200, 400}, answer.text
    assert not answer.codes & BUGS, answer.text
    if answer.codes:
        assert await state.changed(before) == set(), answer.text


def bad_inputs(mutation: RootField, world: World) -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """What is wrong, the variables, and the code that it must have; None for any, or for none at all."""
    # these first: where tries are counted there are some left
    for place in own_places(mutation):
        own = own_value(world)(place)
        if place.name == "version" and place.coordinate not in TOLD_OTHERWISE:
            yield f"{place.coordinate} stale", filled(mutation, world, place, own - 1), ConflictError.code
        if is_required(place.spec) or place.coordinate in NEEDED:
            variables = without(filled(mutation, world, place, own), place.path)
            code = DocumentInvalidError.code if is_required(place.spec) else None
            yield f"{place.coordinate} left out", variables, code
    for place in own_places(mutation):
        own = own_value(world)(place)
        for value in bad_values(place, own):
            yield f"{place.coordinate} {str(value)[:60]!r}", filled(mutation, world, place, value), None


def without(variables: Any, path: tuple[str, ...]) -> Any:
    """The same with the key at the end of `path` left out; of a list its only item is meant."""
    if isinstance(variables, list):
        return [without(each, path) for each in variables]
    name, *rest = path
    left = {key: value for key, value in variables.items() if key != name}
    return {**left, name: without(variables[name], tuple(rest))} if rest else left


def own_places(mutation: RootField) -> list[Place]:
    return [place for place in mutation.places if not place.is_nested]
