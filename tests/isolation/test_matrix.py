"""Every place of the schema for an id or a cursor, filled by every tenant with those of every other.

The cases are made from `schema.graphql`: what is added there later is tried without a change here. That a
refusal means something is shown by `test_controls`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from attack import NAMES, PAIRS, attacks, filled, invented, leaked, leaked_in_log, rightful, share_of
from operations import RootField
from places import Place
from speaker import MUTATIONS, QUERIES, Answer, Speaker
from state import Rows, States, TenantState
from worlds import World

REFUSALS = {"INVALID_ID", "INVALID_CURSOR"}


@dataclass(frozen=True)
class Control:
    """What is answered to a value that exists nowhere."""

    codes: set[str]
    statements: int
    heard: tuple[str, int, int]


@pytest.fixture(scope="module")
def controls() -> dict[Any, Control]:
    """By attacker and place: they are the same whoever is attacked."""
    return {}


@pytest.mark.parametrize(("attacker_name", "victim_name"), PAIRS)
async def test_nothing_of_another_tenant_appears_or_changes(
    speaker: Speaker,
    states: States,
    worlds: dict[str, World],
    attacker_name: str,
    victim_name: str,
    controls: dict[Any, Control],
    record_property: Any,
) -> None:
    attacker, victim = worlds[attacker_name], worlds[victim_name]
    mine, theirs = await states.of(attacker.organization), await states.of(victim.organization)
    before = await mine.rows(), await theirs.rows()
    share = share_of(attacker_name, victim_name)
    tried: Counter[str] = Counter()
    reached: set[str] = set()
    out_of_reach: set[str] = set()
    begin = len(speaker.asked)
    for field in QUERIES + MUTATIONS:
        ask = _Asking(speaker, attacker, mine, before[0], field, controls)
        for slot, values in attacks(field, victim, share=share):
            control = await ask.control(slot)
            if slot.is_nested and not control.codes:
                # what was just made has nothing in its lists, so nobody looks at what is inside of these
                out_of_reach.add(slot.coordinate)
                continue
            reached.add(slot.coordinate)
            for value in values:
                answer = await ask.with_value(slot, value)
                tried[field.operation] += 1
                where = f"{field.name} {'.'.join(slot.path)}"
                assert leaked(answer, victim, value) == set(), where
                assert answer.codes <= REFUSALS, f"{where}: {answer.text}"
                assert answer.codes, f"{where}: a foreign value was not refused: {answer.text}"
                # neither text nor work tells a value that exists elsewhere from one that exists nowhere
                if answer.statements != control.statements:
                    # on a busy machine the cache may have come to be trusted, or not any more, in between
                    control = await ask.control(slot, again=True)
                    answer = await ask.with_value(slot, value)
                assert ask.heard(slot, answer) == control.heard, where
            # before a later case undoes what it has done itself
            assert await mine.changed(before[0]) == set(), f"{field.name} {'.'.join(slot.path)}"
    assert await leaked_in_log(speaker, begin, victim) == set()
    assert await theirs.changed(before[1]) == set()
    assert out_of_reach <= reached, "a place that takes anything, or that no root field leads to"
    assert tried["query"] >= 20
    assert tried["mutation"] >= 50
    record_property("isolation_cases", sum(tried.values()))


@dataclass(frozen=True)
class _Asking:
    """Asks one field again and again as if it were the first time."""

    speaker: Speaker
    attacker: World
    state: TenantState
    before: Rows
    field: RootField
    controls: dict[Any, Control]

    async def control(self, slot: Place, *, again: bool = False) -> Control:
        key = (self.attacker.organization.id, self.field.name, slot.path)
        if again or key not in self.controls:
            answer = await self.with_value(slot, invented(slot))
            self.controls[key] = Control(answer.codes, answer.statements, self.heard(slot, answer))
        return self.controls[key]

    async def with_value(self, slot: Place, value: str) -> Answer:
        """A place inside is refused when the work around it is done: that is undone, and forgotten."""
        if slot.is_nested:
            await self.state.forget()
        field = self.field.towards(slot) if slot.is_nested else self.field
        answer = await self.speaker.ask(self.attacker, field, filled(field, self.attacker, slot, value))
        if self._is_done(slot):
            await self.state.put_back(self.before)
        return answer

    def heard(self, slot: Place, answer: Answer) -> tuple[str, int, int]:
        """What an attacker could tell two answers by; of work done not its new ids and times."""
        text = answer.refusals if self._is_done(slot) else answer.unnamed
        return text, answer.status, answer.statements

    def _is_done(self, slot: Place) -> bool:
        return slot.is_nested and self.field.operation == "mutation"


@pytest.mark.parametrize("name", NAMES)
async def test_everything_that_can_be_listed_is_the_askers(
    speaker: Speaker, worlds: dict[str, World], name: str, record_property: Any
) -> None:
    asker, others = worlds[name], [world for world in worlds.values() if world is not worlds[name]]
    begin, cases = len(speaker.asked), 0
    for field in QUERIES:
        for variables in rightful(field, asker, others):
            answer = await speaker.ask(asker, field, variables)
            cases += len(others)
            for other in others:
                assert leaked(answer, other, variables) == set(), (field.name, variables)
    for other in others:
        assert await leaked_in_log(speaker, begin, other) == set()
    record_property("isolation_cases", cases)
