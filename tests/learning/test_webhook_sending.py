"""What is taken to be sent, by whom, and what is noted of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import FeatureNotInPlanError, ForbiddenError
from harka.ids import new_id
from harka.learning import webhook_delivery, webhook_endpoint, webhook_sending
from harka.learning.webhook_endpoint import EndpointDraft
from harka.learning.webhook_sending import AT_ONCE, Batch, Sent
from harka.repositories import webhook_endpoint as endpoints
from harka.repositories.webhook_endpoint import WebhookEndpoint
from harka.storage.statement import Statement

DRAFT = EndpointDraft(url="https://example.com", document="{ viewer { kind } }", scopes=["event:read"])
LOSE = Statement(
    "test.lose", "UPDATE {schema}.webhook_delivery SET leased_until = now() WHERE tenant_id = $1"
)


async def hooked(academy: Academy, waiting: int = 1) -> UUID:
    """An endpoint that so many tests are to be sent to."""
    now = clock.now()
    new = WebhookEndpoint(
        *(new_id(), "https://example.com", "", [], "{ x }", "operator", None, "", None, ["event:read"], None),
        *(None, None, 0, None, None, None, None, None, now, now, 1),
    )
    async with academy.work() as work:
        made = await endpoints.insert(work.session, new, b"sealed")
        for _ in range(waiting):
            await webhook_delivery.send_test(work, made.id)
    return made.id


async def take(academy: Academy, endpoint: UUID) -> Batch | None:
    async with academy.work() as work:
        return await webhook_sending.take(work, endpoint)


async def note(academy: Academy, batch: Batch, **values: Any) -> None:
    async with academy.work() as work:
        await webhook_sending.note(work, batch, [Sent(each, **values) for each in batch.deliveries])


async def test_it_is_for_who_sees_everybody_and_where_the_plan_has_it(academy: Academy) -> None:
    boss = await academy.user("admin")
    poor = msgspec.structs.replace(academy.organization, features={"api_access": False})
    context = msgspec.structs.replace(academy.acting(boss), organization=poor)
    async with academy.work(context, read_only=True) as work:
        with pytest.raises(FeatureNotInPlanError):
            await webhook_endpoint.create(work, DRAFT, seal_key=bytes(32))
    async with academy.work(academy.managing(boss), read_only=True) as work:
        with pytest.raises(ForbiddenError):
            await webhook_endpoint.count(work)


async def test_what_a_lost_worker_had_taken_is_sent_by_another(academy: Academy) -> None:
    endpoint = await hooked(academy)
    lost = await take(academy, endpoint)
    assert lost is not None
    # nobody else takes it meanwhile
    assert await take(academy, endpoint) is None
    async with academy.work() as work:
        await work.session.execute(LOSE)
    again = await take(academy, endpoint)
    assert again is not None
    assert again.deliveries[0].attempts == 2
    # who was believed dead is not listened to any more
    await note(academy, lost, code=500, error="It answered 500.")
    (row,) = await academy.rows("webhook_delivery")
    assert (row["state"], row["response_code"]) == ("pending", None)
    await note(academy, again, code=200)
    (row,) = await academy.rows("webhook_delivery")
    assert (row["state"], row["attempts"], row["response_code"]) == ("delivered", 2, 200)


async def test_of_an_endpoint_no_more_are_sent_at_once_than_that(academy: Academy) -> None:
    endpoint = await hooked(academy, AT_ONCE + 3)
    first = await take(academy, endpoint)
    assert first is not None
    assert len(first.deliveries) == AT_ONCE
    assert await take(academy, endpoint) is None
    await note(academy, first, code=200)
    rest = await take(academy, endpoint)
    assert rest is not None
    assert len(rest.deliveries) == 3


async def test_the_pauses_between_attempts_grow_up_to_the_last_one(academy: Academy) -> None:
    endpoint = await hooked(academy)
    batch = await take(academy, endpoint)
    assert batch is not None
    (sent,) = batch.deliveries
    delays = []
    for attempts in range(1, 12):
        told = msgspec.structs.replace(sent, attempts=attempts)
        delays.append(webhook_sending._outcome(Sent(told, error="x")).delay)
    assert delays[0] < 10
    assert delays[:9] == sorted(delays[:9])
    assert sum(delays) > timedelta(hours=24).total_seconds()
    soon = msgspec.structs.replace(sent, attempts=9, give_up_at=clock.now() + timedelta(minutes=5))
    last = webhook_sending._outcome(Sent(soon, error="x"))
    assert last.state == "pending"
    assert 290 < last.delay <= 300
    late = msgspec.structs.replace(soon, give_up_at=clock.now())
    assert webhook_sending._outcome(Sent(late, error="x")).state == "dead"
