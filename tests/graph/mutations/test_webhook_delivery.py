from typing import Any
from uuid import UUID

import pytest

from harka.ids import NodeKind, new_id
from harka.learning.work import unit_of_work
from harka.storage.statement import Statement
from harka.tenancy.context import operator_context
from school import School

CREATE = """mutation { createWebhookEndpoint(input: {url: "https://example.com", scopes: ["event:read"]}) {
  webhookEndpoint { id } } }"""
FIELDS = "id state attempts eventId eventType nextAttemptAt error version webhookEndpoint { id }"
TEST = f"""mutation ($input: TestWebhookEndpointInput!) {{ testWebhookEndpoint(input: $input) {{
  errors {{ code field }} webhookDelivery {{ {FIELDS} }} }} }}"""
RETRY = f"""mutation ($input: RetryWebhookDeliveryInput!) {{ retryWebhookDelivery(input: $input) {{
  errors {{ code field }} webhookDelivery {{ {FIELDS} }} }} }}"""
RETRY_ALL = """mutation ($input: RetryWebhookDeliveriesInput!) { retryWebhookDeliveries(input: $input) {
  errors { code field } job { id type state } } }"""
LISTED = f"""query ($id: ID!, $first: Int!, $after: String, $state: WebhookDeliveryState) {{
  webhookDeliveries(webhookEndpointId: $id, first: $first, after: $after, filter: {{state: $state}}) {{
    totalCount nodes {{ {FIELDS} }} pageInfo {{ endCursor hasNextPage }} }} }}"""
BURY = Statement(
    "test.bury",
    """UPDATE {schema}.webhook_delivery SET state = 'dead', finished_at = now(), error = 'x'
    WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id = $2)""",
)


@pytest.fixture
async def endpoint(school: School) -> str:
    made = (await school.ask(CREATE, caller=school.owner)).data["createWebhookEndpoint"]
    return str(made["webhookEndpoint"]["id"])


async def send(school: School, endpoint: str, **given: Any) -> dict[str, Any]:
    reply = await school.ask(TEST, {"input": {"webhookEndpointId": endpoint, **given}})
    told: dict[str, Any] = reply.data["testWebhookEndpoint"]
    return told


async def bury(school: School, id_: UUID | None = None) -> None:
    runtime, context = school.runtime, operator_context(school.organization)
    async with unit_of_work(
        runtime.databases, runtime.cache, runtime.pubsub, context, read_only=False, timeout=10
    ) as work:
        await work.session.execute(BURY, id_)


async def test_a_test_waits_to_be_sent_and_what_was_given_up_is_tried_again(
    school: School, endpoint: str
) -> None:
    made = (await send(school, endpoint))["webhookDelivery"]
    assert (made["state"], made["attempts"], made["eventType"]) == ("PENDING", 0, "webhook.test")
    assert (made["eventId"], made["webhookEndpoint"]) == (None, {"id": endpoint})
    assert (await school.ask(RETRY, {"input": {"id": made["id"]}})).code == "CONFLICT"
    await bury(school)
    one = await school.ask(f'{{ webhookDelivery(id: "{made["id"]}") {{ {FIELDS} }} }}')
    dead = one.data["webhookDelivery"]
    assert (dead["state"], dead["nextAttemptAt"], dead["error"]) == ("DEAD", None, "x")
    assert (await school.ask(RETRY, {"input": {"id": made["id"], "version": 9}})).code == "CONFLICT"
    again = (await school.ask(RETRY, {"input": {"id": made["id"]}})).data["retryWebhookDelivery"]
    assert again["webhookDelivery"]["state"] == "PENDING"
    assert again["webhookDelivery"]["nextAttemptAt"] is not None


async def test_an_event_can_be_told_whatever_the_types_are(school: School, endpoint: str) -> None:
    while not (known := (await school.ask("{ events(first: 1) { nodes { id } } }")).data["events"]["nodes"]):
        pass
    (event,) = known
    made = (await send(school, endpoint, eventId=event["id"]))["webhookDelivery"]
    assert made["eventId"] == event["id"]
    for field, kind in (("webhookEndpointId", NodeKind.WEBHOOK_ENDPOINT), ("eventId", NodeKind.EVENT)):
        given = {"webhookEndpointId": endpoint, field: school.id(kind, new_id())}
        reply = await school.ask(TEST, {"input": given})
        assert (reply.code, reply.field) == ("NOT_FOUND", field)
    reply = await school.ask(RETRY, {"input": {"id": school.id(NodeKind.WEBHOOK_DELIVERY, new_id())}})
    assert (reply.code, reply.field) == ("NOT_FOUND", "id")
    reply = await school.ask(RETRY, {"input": {"id": endpoint}})
    assert (reply.code, reply.field) == ("INVALID_ID", "id")


async def test_all_that_was_given_up_is_tried_again_by_one_job(school: School, endpoint: str) -> None:
    given = {"input": {"webhookEndpointId": endpoint}}
    told = [(await school.ask(RETRY_ALL, given)).data["retryWebhookDeliveries"]["job"] for _ in range(2)]
    assert (told[0]["type"], told[0]["state"]) == ("webhook.retry", "QUEUED")
    assert told[0] == told[1]
    other = await school.ask(
        RETRY_ALL, {"input": {"webhookEndpointId": endpoint, "since": "2026-11-01T00:00:00Z"}}
    )
    assert other.data["retryWebhookDeliveries"]["job"]["id"] != told[0]["id"]
    absent = school.id(NodeKind.WEBHOOK_ENDPOINT, new_id())
    reply = await school.ask(RETRY_ALL, {"input": {"webhookEndpointId": absent}})
    assert (reply.code, reply.field) == ("NOT_FOUND", "webhookEndpointId")
    reply = await school.ask(RETRY_ALL, given, caller=school.learner)
    assert reply.code == "FORBIDDEN"


async def test_deliveries_are_listed_by_state_in_pages_of_as_many_statements(
    school: School, endpoint: str
) -> None:
    made = [(await send(school, endpoint))["webhookDelivery"] for _ in range(5)]
    await bury(school, school.runtime.node_ids.open(school.organization.id, made[2]["id"])[1])
    whole = await school.ask(LISTED, {"id": endpoint, "first": 9})
    assert [each["id"] for each in whole.data["webhookDeliveries"]["nodes"]] == [each["id"] for each in made]
    dead = (await school.ask(LISTED, {"id": endpoint, "first": 9, "state": "DEAD"})).data["webhookDeliveries"]
    assert (dead["totalCount"], dead["nodes"][0]["id"]) == (1, made[2]["id"])
    few = await school.ask(LISTED, {"id": endpoint, "first": 2})
    after = few.data["webhookDeliveries"]["pageInfo"]["endCursor"]
    rest = await school.ask(LISTED, {"id": endpoint, "first": 9, "after": after})
    assert [each["id"] for each in rest.data["webhookDeliveries"]["nodes"]] == [
        each["id"] for each in made[2:]
    ]
    assert few.statements == whole.statements
    # of another list
    reply = await school.ask(LISTED, {"id": endpoint, "first": 9, "after": after, "state": "DEAD"})
    assert reply.code == "INVALID_CURSOR"
