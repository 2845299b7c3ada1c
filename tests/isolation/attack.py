"""Who attacks whom, with what, and how to tell that something came through."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from operations import RootField, Slot
from speaker import Answer, Speaker, own_value
from worlds import World

NAMES = [f"{mode}-{side}" for mode in ("pool", "schema", "dedicated") for side in "ab"]
PAIRS = [pytest.param(*pair, id=" sees ".join(pair)) for pair in itertools.permutations(NAMES, 2)]
GARBLED_ID = "A" * 34
GARBLED_CURSOR = "A" * 43


def cases(field: RootField, attacker: World, victim: World) -> Iterator[tuple[Slot, str, dict[str, Any]]]:
    """Each slot of the field with each kind of value of the victim; the rest is the attacker's own."""
    for slot in field.slots:
        values = victim.all_cursors() if slot.is_cursor else [id_ for _, id_ in victim.all_ids()]
        for value in values:
            yield slot, value, field.values(own_value(attacker), slot, value)


def leaked(answer: Answer, victim: World, sent: str) -> set[str]:
    """Secrets of the victim in the answer, but for what the attacker sent in."""
    return {secret for secret in victim.secrets() - {sent} if secret in answer.text}


async def leaked_in_log(speaker: Speaker, begin: int, victim: World) -> set[str]:
    """Secrets of the victim in what was logged of the requests from number `begin` on."""
    log = await speaker.logged_since(begin)
    return {secret for secret in victim.secrets() if secret in log}
