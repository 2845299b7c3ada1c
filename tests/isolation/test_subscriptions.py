"""What happens live in one tenant is heard in no other, whatever it asks to listen to."""

import pytest
from attack import PAIRS, attacks, filled, invented, leaked
from operations import RootField
from speaker import FIELDS, Speaker
from worlds import World

from harka.runtime import Runtime

SUBSCRIPTIONS = [field for field in FIELDS if field.operation == "subscription"]
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
        control = await speaker.ask(
            attacker, field, filled(field, attacker, slot, invented(slot)), headers=headers
        )
        for value in values:
            answer = await speaker.ask(attacker, field, filled(field, attacker, slot, value), headers=headers)
            assert '"INVALID_ID"' in answer.text
            assert leaked(answer, victim, value) == set()
            assert (answer.unnamed, answer.statements) == (control.unnamed, control.statements)


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
