"""Events become deliveries once, whoever looks, dies or commits late; and that without being asked for."""

import asyncio
from typing import Any

import pytest

from academy import Academy
from harka.graph.asking import asker
from harka.learning import event, webhook_delivery, webhook_endpoint
from harka.learning.webhook_endpoint import EndpointDraft
from harka.queue.message import DELIVER_WEBHOOKS
from harka.repositories.event import EventType
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.worker import dispatcher
from harka.worker.dispatcher import look
from harka.worker.registry import HANDLERS
from harka.worker.units import Units
from receiver import receiving

DOCUMENT = "query ($event: ID!) { event(id: $event) { id subjectId } }"
# gives the transaction its number
BEGIN = Statement("test.begin", """UPDATE {schema}."user" SET name = 'Late' WHERE tenant_id = $1""")
END = Statement(
    "test.end",
    """UPDATE {schema}.webhook_delivery
    SET state = $2::text, finished_at = CASE WHEN $2 <> 'pending' THEN now() END WHERE tenant_id = $1""",
)
AGE = Statement(
    "test.age",
    """UPDATE {schema}.webhook_delivery SET finished_at = now() - interval '8 days', state = CASE
      WHEN id = (SELECT min(id::text)::uuid FROM {schema}.webhook_delivery WHERE tenant_id = $1)
      THEN 'dead' ELSE 'delivered' END
    WHERE tenant_id = $1""",
)


async def hooked(runtime: Runtime, academy: Academy, url: str = "https://example.com", **values: Any) -> None:
    draft = EndpointDraft(url=url, document=DOCUMENT, scopes=["event:read"], **values)
    units = Units(runtime, academy.organization, "test")
    async with units.begin(academy.operator, timeout=10) as work:
        await webhook_endpoint.create(work, draft, seal_key=runtime.keyring.seal)


async def test_nothing_is_asked_for_without_endpoints(runtime: Runtime, academy: Academy) -> None:
    assert await look(runtime, academy.organization) == dispatcher.Look(0, None)


async def test_each_event_becomes_one_delivery_of_each_endpoint_however_many_look(
    runtime: Runtime, academy: Academy
) -> None:
    await hooked(runtime, academy)
    await hooked(runtime, academy, types=["user.deactivated"])
    people = [await academy.user() for _ in range(3)]
    async with academy.work() as work:
        for person in people:
            work.record(EventType.USER_CREATED, person.id)
    while len(await academy.rows("webhook_delivery")) < len(people):
        await asyncio.gather(*(look(runtime, academy.organization) for _ in range(4)))
    await look(runtime, academy.organization)
    told = await academy.rows("webhook_delivery")
    assert sorted(row["subject_id"] for row in told) == sorted(str(person.id) for person in people)
    jobs = [row for row in await academy.rows("job") if row["type"] == DELIVER_WEBHOOKS]
    assert len(jobs) == 1


@pytest.mark.parametrize("state", ["pending", "delivered"])
async def test_what_waits_to_be_sent_and_is_forgotten_is_lost(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """As to an endpoint that is paused: it will be sent, and says nothing of what it was about."""
    await hooked(runtime, academy)
    async with academy.work() as work:
        work.record(EventType.USER_CREATED, (await academy.user()).id)
    while not await academy.rows("webhook_delivery"):
        await look(runtime, academy.organization)
    monkeypatch.setattr(event, "DAYS_KEPT", -1)
    async with academy.work() as work:
        await work.session.execute(END, state)
        assert await event.forget_old(work) == 1
    (endpoint,) = await academy.rows("webhook_endpoint")
    assert (endpoint["events_lost_at"] is not None) == (state == "pending")


async def test_what_is_committed_late_is_not_passed_by(runtime: Runtime, academy: Academy) -> None:
    """The first to begin is the last to commit: its number is lower than what was seen meanwhile."""
    await hooked(runtime, academy)
    late, early = await academy.user(), await academy.user()
    async with academy.work() as slow:
        slow.record(EventType.USER_CREATED, late.id)
        await slow.session.execute(BEGIN)
        async with academy.work() as fast:
            fast.record(EventType.USER_CREATED, early.id)
        found = await look(runtime, academy.organization)
        assert await academy.rows("webhook_delivery") == []
        assert found.seconds is not None
    while len(await academy.rows("webhook_delivery")) < 2:
        await look(runtime, academy.organization)
    told = {row["subject_id"] for row in await academy.rows("webhook_delivery")}
    assert told == {str(late.id), str(early.id)}


async def test_a_worker_sends_what_happens_by_itself(
    runtime: Runtime, academy: Academy, working: Any
) -> None:
    async with receiving() as receiver:
        handlers = {DELIVER_WEBHOOKS: HANDLERS[DELIVER_WEBHOOKS]}
        async with working(handlers, ask=asker(runtime)):
            await hooked(runtime, academy, receiver.url())
            people = [await academy.user() for _ in range(3)]
            async with academy.work() as work:
                for person in people:
                    work.record(EventType.USER_CREATED, person.id)
            messages = await receiver.until(3)
    subjects = {each.json["data"]["event"]["subjectId"] for each in messages}
    assert len(subjects) == 3


async def test_what_ended_is_forgotten_and_dead_letters_later(runtime: Runtime, academy: Academy) -> None:
    await hooked(runtime, academy)
    async with academy.work() as work:
        for _ in range(3):
            work.record(EventType.USER_CREATED, academy.organization.id)
    while len(await academy.rows("webhook_delivery")) < 3:
        await look(runtime, academy.organization)
    async with academy.work() as work:
        await work.session.execute(AGE)
        assert await webhook_delivery.forget_old(work) == 2
    assert [row["state"] for row in await academy.rows("webhook_delivery")] == ["dead"]
