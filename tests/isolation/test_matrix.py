"""Every field of the schema, every id and cursor of one tenant, tried by every other tenant.

The cases are made from `schema.graphql`: what is added there later is tried without a change here.
"""

from collections import Counter
from typing import Any

import pytest
from attack import GARBLED_CURSOR, GARBLED_ID, NAMES, PAIRS, cases, leaked, leaked_in_log
from fingerprint import fingerprint
from operations import RootField
from speaker import FIELDS, Speaker, own_value
from worlds import World

from harka.runtime import Runtime

REFUSALS = {"INVALID_ID", "INVALID_CURSOR"}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@pytest.mark.parametrize("name", NAMES)
async def test_owner_finds_what_is_theirs(
    speaker: Speaker, worlds: dict[str, World], name: str, field: RootField
) -> None:
    """The control: a matrix in which nobody sees anything would prove nothing."""
    if field.operation == "query" and field.name not in {"viewer", "organization", "node", "nodes"}:
        world = worlds[name]
        noun = field.name.removesuffix("s").capitalize()
        optional = next((slot for slot in field.slots if slot.path == ("id",)), None)
        value = world.id_of(noun) if optional else None
        answer = await speaker.ask(world, field, field.values(own_value(world, noun), optional, value))
        assert answer.codes == set()
        assert world.canary in answer.text


@pytest.mark.parametrize(("attacker_name", "victim_name"), PAIRS)
async def test_nothing_of_another_tenant_appears_or_changes(
    runtime: Runtime,
    speaker: Speaker,
    worlds: dict[str, World],
    attacker_name: str,
    victim_name: str,
    record_property: Any,
) -> None:
    attacker, victim = worlds[attacker_name], worlds[victim_name]
    before = await fingerprint(runtime, victim), await fingerprint(runtime, attacker)
    tried: Counter[str] = Counter()
    begin = len(speaker.asked)
    for field in FIELDS:
        if field.operation == "subscription":
            continue
        for slot, value, variables in cases(field, attacker, victim):
            answer = await speaker.ask(attacker, field, variables)
            tried[field.operation] += 1
            garbled = GARBLED_CURSOR if slot.is_cursor else GARBLED_ID
            control = await speaker.ask(attacker, field, field.values(own_value(attacker), slot, garbled))
            where = f"{field.name} {'.'.join(slot.path)}"
            assert leaked(answer, victim, value) == set(), where
            assert answer.codes <= REFUSALS, f"{where}: {answer.text}"
            assert answer.codes, f"{where}: a foreign value was not refused: {answer.text}"
            # neither text nor work tells a value that exists elsewhere from one that exists nowhere
            assert (answer.unnamed, answer.status, answer.statements) == (
                control.unnamed,
                control.status,
                control.statements,
            ), where
    assert await leaked_in_log(speaker, begin, victim) == set()
    assert (await fingerprint(runtime, victim), await fingerprint(runtime, attacker)) == before
    assert tried["query"] >= 20
    assert tried["mutation"] >= 50
    record_property("isolation_cases", sum(tried.values()))


@pytest.mark.parametrize(("attacker_name", "victim_name"), PAIRS)
async def test_everything_that_can_be_listed_is_the_askers(
    speaker: Speaker, worlds: dict[str, World], attacker_name: str, victim_name: str
) -> None:
    attacker, victim = worlds[attacker_name], worlds[victim_name]
    begin = len(speaker.asked)
    for field in FIELDS:
        if field.operation == "query":
            answer = await speaker.ask(attacker, field, field.values(own_value(attacker)))
            assert leaked(answer, victim, "") == set(), field.name
    assert await leaked_in_log(speaker, begin, victim) == set()
