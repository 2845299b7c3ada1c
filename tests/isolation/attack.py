"""Who attacks whom, with what, and how to tell that something came through."""

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import pytest
from operations import RootField
from places import Place
from speaker import FIELDS, Answer, Speaker
from values import own_filters, own_ids, own_value
from worlds import World

NAMES = [f"{mode}-{side}" for mode in ("pool", "schema", "dedicated") for side in "ab"]
PAIRS = [pytest.param(*pair, id=" sees ".join(pair)) for pair in itertools.permutations(NAMES, 2)]


_SHARES = 3


def share_of(attacker: str, victim: str) -> int | None:
    """Which third of the kinds a pair tries in each place; None: only what is the likeliest to pass there.

    All by all would take ten minutes. A Latin square: each kind is tried in each place by attackers of each
    mode, and with victims of each.
    """
    if (attacker[-1], victim[-1]) != ("a", "b"):
        return None
    modes = [name[:-2] for name in NAMES if name.endswith("-a")]
    return (modes.index(attacker[:-2]) + modes.index(victim[:-2])) % _SHARES


def reached(field: RootField) -> list[Place]:
    """Its places for an id or a cursor; one inside only where it is reached the soonest.

    The same resolver answers it below every root field of a kind: with all ways to it a pair took a minute.
    """
    return [slot for slot in field.slots if not slot.is_nested or (field.name, slot.path) in _SOONEST]


def _soonest() -> frozenset[tuple[str, tuple[str, ...]]]:
    """Of each kind of operation and each place inside, a root field and its way to it."""
    found: dict[tuple[str, str], tuple[int, str, tuple[str, ...]]] = {}
    for field in FIELDS:
        for slot in field.slots:
            if slot.is_nested:
                key, way = (field.operation, slot.coordinate), (len(slot.route), field.name, slot.path)
                found[key] = min(way, found.get(key, way))
    return frozenset((name, path) for _, name, path in found.values())


_SOONEST = _soonest()


def attacks(
    field: RootField, victim: World, *, share: int | None = None
) -> Iterator[tuple[Place, list[str]]]:
    """Each place for an id or a cursor, with the victim's value that is the likeliest to pass there.

    `share`: and that part of the values of every kind, where the place is not inside.
    """
    for number, slot in enumerate(reached(field)):
        # of a list at the top nobody names a type above it
        likeliest = (
            victim.cursor_of(slot.owner.removeprefix("Query")) if slot.is_cursor else victim.id_of(slot.noun)
        )
        dealt = []
        if share is not None and not slot.is_nested:
            kinds = victim.all_cursors() if slot.is_cursor else [*victim.own.values()]
            dealt = kinds[(number + share) % _SHARES :: _SHARES]
        yield slot, [likeliest, *(value for value in dealt if value != likeliest)]


def filled(field: RootField, attacker: World, slot: Place, value: Any) -> dict[str, Any]:
    """Variables with `value` in the slot; the rest is the attacker's own."""
    return field.values(own_value(attacker, slot), slot, value)


def invented(slot: Place) -> str:
    """What looks like a value of the slot and was made by nobody."""
    return "A" * (43 if slot.is_cursor else 34)


def accepted(field: RootField, world: World) -> list[dict[str, Any]]:
    """Variables that nothing speaks against: an own id in each place for one, or as little as is needed."""
    slots = [slot for slot in reached(field) if slot.is_id]
    made = [filled(field, world, slot, id_) for slot in slots for id_ in own_ids(world, slot)]
    return made or [field.values(own_value(world))]


# levels of a document within which a filter is tried
_SOON = 2


def rightful(field: RootField, asker: World, others: Sequence[World]) -> Iterator[dict[str, Any]]:
    """Variables by which the asker asks for what is its own.

    As little as the field needs; then each id and each filter that it may be given, one by one; those of a
    list inside, where what the root field answers with has that list.
    """
    yield field.values(own_value(asker))
    for place in field.nearest:
        if len(place.route) > _SOON:
            continue
        values = own_ids(asker, place) if place.is_id else []
        if place.is_filter:
            values = own_filters(asker, others, place)
        for value in values:
            yield filled(field, asker, place, value)


def secrets_in(told: Any, victim: World) -> set[str]:
    """Answers repeat each other: what was found to hold nothing is not searched again."""
    secrets = victim.secrets()
    parts = _parts(str(told)) - victim.harmless
    text = "\n".join(parts)
    found = {secret for secret in secrets if secret in text} if parts else set()
    if not found:
        victim.harmless |= parts
    return found


@lru_cache(1)
def _parts(text: str) -> frozenset[str]:
    """No secret has a quotation mark: none lies across two parts."""
    return frozenset(text.split('"'))


def leaked(answer: Answer, victim: World, sent: Any) -> set[str]:
    """Secrets of the victim in the answer, but for what the attacker sent in."""
    found = secrets_in(answer.text, victim)
    return found and found - secrets_in(sent, victim)


async def leaked_in_log(speaker: Speaker, begin: int, victim: World) -> set[str]:
    """Secrets of the victim in what was logged of the requests from number `begin` on."""
    return secrets_in(await speaker.logged_since(begin), victim)
