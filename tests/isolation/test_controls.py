"""What is a tenant's own is accepted wherever a foreign value is tried, or a refusal would prove nothing."""

import itertools
from typing import Any

import pytest
from attack import NAMES, accepted, filled, reached, secrets_in
from operations import RootField
from speaker import MUTATIONS, QUERIES, Speaker
from state import States
from worlds import World

# a list of several parents is not always the soonest reached
EVERY_WAY = [(field, slot) for field in QUERIES for slot in field.slots if slot.is_cursor]
LISTS = [(field, slot) for field in QUERIES for slot in reached(field) if slot.is_cursor]


# of the two tenants of a mode, which are made alike, each takes every other field
DEALT = [
    pytest.param(name, field, id=f"{name}-{field.name}")
    for name, (number, field) in itertools.product(NAMES, enumerate(QUERIES + MUTATIONS))
    if number % 2 == NAMES.index(name) % 2
]


@pytest.mark.parametrize(("name", "field"), DEALT)
async def test_owners_own_values_are_accepted(
    speaker: Speaker, states: States, worlds: dict[str, World], name: str, field: RootField
) -> None:
    """The control: where nobody sees and nobody does anything, a refusal proves nothing."""
    world = worlds[name]
    state = await states.of(world.organization)
    before = await state.rows()
    for variables in accepted(field, world):
        answer = await speaker.ask(world, field, variables)
        changed = await state.put_back(before)
        assert answer.codes == set(), f"{field.name} of {variables}: see `values.OWN`: {answer.text}"
        assert answer.body["data"][field.name] is not None, variables
        if field.operation == "query":
            assert changed == set()
            assert any(secret in answer.text for secret in world.secrets()), variables


@pytest.mark.parametrize("name", NAMES)
async def test_owners_own_cursors_are_accepted(speaker: Speaker, worlds: dict[str, World], name: str) -> None:
    world, continued = worlds[name], set()
    for field, slot in LISTS:
        answer = await speaker.ask(world, field, filled(field, world, slot, None))
        pages = _all(answer.body["data"], slot.route)
        # an empty page has no cursor
        filled_pages = [page for page in pages if page["edges"]]
        if filled_pages:
            cursor = filled_pages[0]["pageInfo"]["startCursor"]
            answer = await speaker.ask(world, field, filled(field, world, slot, cursor))
            # of several parents it is one's own, and refused for the others
            assert answer.codes <= ({"INVALID_CURSOR"} if len(pages) > 1 else set()), slot.coordinate
            found = [page for page in _all(answer.body["data"], slot.route) if page is not None]
            assert any(page["pageInfo"]["hasPreviousPage"] for page in found), slot.coordinate
            continued.add(slot.coordinate)
    assert continued == {slot.coordinate for _, slot in LISTS}


@pytest.mark.parametrize("name", NAMES)
async def test_a_cursor_is_of_one_parent_only(speaker: Speaker, worlds: dict[str, World], name: str) -> None:
    """Of several parents, the cursor's own accepts it, however often it appears among them.

    Of one tenant too a list is bound to what it is of.
    """
    world, tried = worlds[name], set()
    for field, slot in EVERY_WAY:
        asked = field.page_of(slot)
        answer = await speaker.ask(world, asked, filled(asked, world, slot, None))
        pages = [page for page in _all(answer.body["data"], slot.route) if page["edges"]]
        # a parent may be met several times
        if len({page["pageInfo"]["startCursor"] for page in pages}) > 1:
            cursor = pages[0]["pageInfo"]["startCursor"]
            answer = await speaker.ask(world, asked, filled(asked, world, slot, cursor))
            refused = [error["extensions"]["code"] for error in answer.body["errors"]]
            continued = [page for page in _all(answer.body["data"], slot.route) if page is not None]
            own = [page for page in pages if page["pageInfo"]["startCursor"] == cursor]
            assert (len(continued), set(refused)) == (len(own), {"INVALID_CURSOR"}), slot.coordinate
            tried.add(slot.coordinate)
    assert tried == {slot.coordinate for _, slot in EVERY_WAY if slot.is_nested}


async def test_what_is_written_is_noticed_and_put_back(states: States, worlds: dict[str, World]) -> None:
    """By whomever: where nothing was written, nothing is compared."""
    organization = worlds["pool-a"].organization
    state, table = await states.of(organization), f"{organization.schema}.tag"
    before = await state.rows()
    writing = f"UPDATE {table} SET name = name || '!' WHERE tenant_id = $1"  # noqa: S608 - a name of ours
    await state.bases[0].connection.execute(writing, organization.id)
    assert table in await state.put_back(before)
    assert await state.changed(before) == set()


def test_a_secret_is_found_in_what_is_like_before(worlds: dict[str, World]) -> None:
    """Also again, and beside what was found to be harmless."""
    world = worlds["pool-a"]
    assert secrets_in('{"title": "Anything"}', world) == set()
    for _ in range(2):
        assert secrets_in(f'{{"title": "Anything", "to": "x{world.canary}y"}}', world) == {world.canary}


def _all(value: Any, route: tuple[str, ...]) -> list[Any]:
    """Whatever the route leads to."""
    if isinstance(value, list):
        return [found for inner in value for found in _all(inner, route)]
    if not route:
        return [value]
    return _all(value[route[0]], route[1:]) if value and route[0] in value else []
