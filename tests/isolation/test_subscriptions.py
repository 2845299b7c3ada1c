"""What happens live in one tenant is heard in no other, whatever it asks to listen to."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from attack import NAMES, PAIRS, accepted, attacks, filled, invented, leaked, secrets_in
from operations import RootField
from places import Place
from speaker import MUTATIONS, SUBSCRIPTIONS, Speaker
from state import States
from worlds import World

from harka.runtime import Runtime
from school import Stream

EVENTS = {"accept": "text/event-stream"}


@pytest.mark.parametrize("field", SUBSCRIPTIONS, ids=lambda field: field.name)
@pytest.mark.parametrize(("attacker_name", "victim_name"), PAIRS)
async def test_nobody_listens_to_another_tenants_ids(
    speaker: Speaker, worlds: dict[str, World], attacker_name: str, victim_name: str, field: RootField
) -> None:
    attacker, victim = worlds[attacker_name], worlds[victim_name]
    headers = {"authorization": f"Bearer {attacker.owner}", **EVENTS}
    for slot, values in attacks(field, victim):
        if slot.is_nested:
            continue
        made = filled(field, attacker, slot, invented(slot))
        control = await speaker.ask(attacker, field, made, headers=headers)
        for value in values:
            made = filled(field, attacker, slot, value)
            answer = await speaker.ask(attacker, field, made, headers=headers)
            assert '"INVALID_ID"' in answer.text
            assert leaked(answer, victim, value) == set()
            assert (answer.unnamed, answer.statements) == (control.unnamed, control.statements)


async def test_a_listener_hears_what_is_done_in_its_own_tenant_only(
    speaker: Speaker, states: States, worlds: dict[str, World]
) -> None:
    """It listens to all that is its own, by every subscription, also with foreign values in places inside."""
    # one in each mode on either side; what one side does is the other's test of silence
    first, second = ([worlds[name] for name in NAMES if name[-1] == side] for side in "ab")
    async with AsyncExitStack() as stack:
        await _all_is_told(states)
        heard = [await _listening(stack, speaker, world, second) for world in first]
        await _nobody_hears(heard, speaker, states, second)
        await _all_is_told(states)
        heard_later = [await _listening(stack, speaker, world, first) for world in second]
        await _nobody_hears(heard_later, speaker, states, first)
        for listening in heard:
            await _own_is_heard(listening)
        for world in second:
            await _do_everything(speaker, states, world)
        for listening in heard_later:
            await _own_is_heard(listening)


@dataclass(frozen=True)
class _Listening:
    """`streams`: each with the name of its subscription, and the place inside that holds a foreign value."""

    world: World
    others: Sequence[World]
    streams: Sequence[tuple[Stream, str, Place | None]]


async def _all_is_told(states: States) -> None:
    """Of what was done some is told a moment later, and is not for who begins to listen now."""
    await asyncio.gather(*states.runtime.pubsub._soon.values())


async def _listening(
    stack: AsyncExitStack, speaker: Speaker, listener: World, others: Sequence[World]
) -> _Listening:
    """To all there is, in every way, with something of each of the others where a value is refused later."""
    streams: list[tuple[Stream, str, Place | None]] = []
    for asked, variables, slot in _ways_to_listen(listener, others):
        stream = await stack.enter_async_context(speaker.listening(listener, asked, variables))
        assert (await stream.opened(), await stream.event()) == (200, ("heartbeat", None))
        streams.append((stream, asked.name, slot))
    return _Listening(listener, others, streams)


async def _nobody_hears(
    listeners: Sequence[_Listening], speaker: Speaker, states: States, speaking: Sequence[World]
) -> None:
    """Whatever these worlds do."""
    for world in speaking:
        await _do_everything(speaker, states, world)
    for listening in listeners:
        for stream, _, _ in listening.streams:
            # to do everything may take longer than from one heartbeat to the next
            while not stream.is_silent:
                assert await stream.event() == ("heartbeat", None)


async def _own_is_heard(listening: _Listening) -> None:
    """The control: each stream tells of its own world, once that has done everything."""
    refused = set()
    for stream, asked_name, slot in listening.streams:
        while (heard := await stream.event()) == ("heartbeat", None):
            pass
        kind, told = heard
        assert kind == "next", told
        codes = {error["extensions"]["code"] for error in told.get("errors", ())}
        # what is told of may have nothing in it that would lead to the place
        expected = set() if slot is None else {"INVALID_CURSOR" if slot.is_cursor else "INVALID_ID"}
        assert codes <= expected, (asked_name, slot)
        if slot is not None and codes:
            refused.add(asked_name)
        assert not any(secrets_in(told, other) for other in listening.others)
        assert slot is not None or secrets_in(told, listening.world), asked_name
    assert refused


def _ways_to_listen(
    listener: World, others: Sequence[World]
) -> Iterator[tuple[RootField, dict[str, Any], Place | None]]:
    for field in SUBSCRIPTIONS:
        for variables in accepted(field, listener):
            yield field, variables, None
        for other in others:
            for slot, values in attacks(field, other):
                if slot.is_nested:
                    yield field.towards(slot), filled(field, listener, slot, values[0]), slot


async def _do_everything(speaker: Speaker, states: States, world: World) -> None:
    """Each mutation once with values of the world's own, from the same beginning."""
    state = await states.of(world.organization)
    before = await state.rows()
    for field in MUTATIONS:
        await speaker.ask(world, field.brief, field.own(accepted(field, world)[0]))
        await state.put_back(before)


@pytest.mark.parametrize(("speaking", "listening"), PAIRS)
async def test_an_event_stays_in_its_tenant_even_on_an_equal_topic(
    runtime: Runtime, worlds: dict[str, World], speaking: str, listening: str
) -> None:
    speaker, listener = worlds[speaking].organization.id, worlds[listening].organization.id
    topic = f"progress:{worlds[listening].enrollment}"
    async with runtime.pubsub.subscribe(listener, topic) as events:
        assert await runtime.pubsub.publish(speaker, topic, {"from": speaking})
        assert await runtime.pubsub.publish(listener, topic, {"from": listening})
        assert (await anext(events)).payload == {"from": listening}
