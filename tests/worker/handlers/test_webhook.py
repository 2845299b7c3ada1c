"""What happens is told to receivers that answer, that fail, hang, lead elsewhere or never end."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka.errors import DeadlineExceededError, HarkaError, RateLimitedError
from harka.graph.asking import asker
from harka.ids import NodeKind
from harka.learning import user, webhook_delivery, webhook_endpoint, webhook_sending
from harka.learning.asking import Reply
from harka.learning.user import UserDraft
from harka.learning.webhook_endpoint import EndpointDraft, Made
from harka.queue.message import DELIVER_WEBHOOKS
from harka.repositories import rollup
from harka.repositories.user import User
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.tenancy.context import TenantContext
from harka.worker.dispatcher import Look, look
from harka.worker.execution import Execution
from harka.worker.units import Units
from receiver import LONG, Message, Receiver, receiving

# as if all the times that are waited for were over
HURRY = Statement(
    "test.hurry",
    """WITH rested AS (UPDATE {schema}.webhook_endpoint SET rest_until = NULL WHERE tenant_id = $1)
    UPDATE {schema}.webhook_delivery SET next_attempt_at = now(), leased_until = NULL
    WHERE tenant_id = $1 AND state = 'pending'""",
)
AGE = Statement(
    "test.age",
    """WITH failing AS (
      UPDATE {schema}.webhook_endpoint SET failing_since = failing_since - interval '72 hours'
      WHERE tenant_id = $1)
    UPDATE {schema}.webhook_delivery SET give_up_at = give_up_at - interval '72 hours'
    WHERE tenant_id = $1""",
)
UNFIT = Statement(
    "test.unfit", "UPDATE {schema}.webhook_endpoint SET document = '{ x }' WHERE tenant_id = $1"
)
DOCUMENT = "query ($event: ID!) { event(id: $event) { id type fields user { name email } } }"
SCOPES = ["event:read", "user:read"]


class Post:
    """Endpoints of an academy, and a worker that sends by hand: what is due, and no more."""

    def __init__(self, runtime: Runtime, academy: Academy, boss: User) -> None:
        self.runtime = msgspec.structs.replace(
            runtime, settings=msgspec.structs.replace(runtime.settings, webhook_timeout=1.5)
        )
        self.academy = academy
        self.boss = boss
        self.execution = Execution(self.runtime, ask=asker(self.runtime))
        self.units = Units(self.runtime, academy.organization, "test")

    async def endpoint(self, url: str, **values: Any) -> Made:
        draft = EndpointDraft(**({"url": url, "document": DOCUMENT, "scopes": SCOPES} | values))
        async with self.units.begin(self.academy.acting(self.boss), timeout=10) as work:
            return await webhook_endpoint.create(work, draft, seal_key=self.runtime.keyring.seal)

    async def people(self, *names: str) -> list[User]:
        """New ones, of whom it is told."""
        drafts = [UserDraft(email=f"{name}@example.com", name=name) for name in names]
        async with self.academy.work() as work:
            return await user.create_many(work, drafts)

    async def work_off(self) -> None:
        """One turn of every endpoint that something is due of, as soon as that is."""
        organization = self.academy.organization
        while True:
            await look(self.runtime, organization)
            claimed = await self.execution.claim(organization, 8)
            for run in claimed.runs:
                await self.execution.run(organization, run)
            if claimed.runs:
                return

    async def deliveries(self, endpoint: UUID) -> list[dict[str, Any]]:
        rows = await self.academy.rows("webhook_delivery")
        return [row for row in rows if row["endpoint_id"] == str(endpoint)]

    async def delivery(self, endpoint: UUID) -> dict[str, Any]:
        (only,) = await self.deliveries(endpoint)
        return only

    async def pass_over(self, *statements: Statement) -> None:
        async with self.academy.work() as work:
            for each in statements:
                await work.session.execute(each)

    async def row(self, endpoint: UUID) -> dict[str, Any]:
        (found,) = [row for row in await self.academy.rows("webhook_endpoint") if row["id"] == str(endpoint)]
        return found


@pytest.fixture
async def post(runtime: Runtime, academy: Academy) -> Post:
    return Post(runtime, academy, await academy.user("admin"))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def verified(message: Message, secret: str) -> bool:
    """As a receiver does it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = (
        f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    )
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return expected in message.headers["webhook-signature"].split(" ")


async def test_what_happens_is_told_as_the_document_asks(post: Post, receiver: Receiver) -> None:
    await post.people("early")
    made = await post.endpoint(receiver.url())
    await post.people("ada", "bob")
    await post.work_off()
    messages = await receiver.until(2)
    assert sorted(each.json["data"]["event"]["user"]["name"] for each in messages) == ["ada", "bob"]
    assert messages[0].json.keys() == {"type", "timestamp", "data"}
    assert messages[0].json["type"] == "user.created"
    assert messages[0].headers["webhook-id"] == messages[0].json["data"]["event"]["id"]
    assert all(verified(each, made.secret) for each in messages)
    assert not verified(messages[0], "whsec_" + base64.b64encode(b"another").decode())
    told = await post.deliveries(made.endpoint.id)
    assert [(row["state"], row["attempts"], row["response_code"]) for row in told] == [
        ("delivered", 1, 200)
    ] * 2
    assert (await post.row(made.endpoint.id))["last_delivered_at"] is not None


async def test_an_endpoint_is_told_of_its_types_alone_and_no_more_than_its_scopes(
    post: Post, receiver: Receiver
) -> None:
    await post.endpoint(receiver.url(), types=["user.deactivated"], scopes=["event:read"])
    (person,) = await post.people("ada")
    async with post.academy.work() as work:
        await user.deactivate(work, person.id)
    await post.work_off()
    (message,) = await receiver.until(1)
    assert message.json["type"] == "user.deactivated"
    # her row is not for an endpoint that may not read people
    assert message.json["data"]["event"]["user"] is None


async def test_receivers_that_fail_hang_lead_elsewhere_or_never_end_are_bounded_and_stop_nobody(
    post: Post, receiver: Receiver
) -> None:
    bad = {
        path: (await post.endpoint(receiver.url(path))).endpoint.id
        for path in ("fail", "hang", "away", "long")
    }
    good = (await post.endpoint(receiver.url())).endpoint.id
    await post.people("ada")
    # three at a time: the good one is not among the first
    while not receiver.taken():
        await post.work_off()
    assert (await post.delivery(good))["state"] == "delivered"
    while any(row["attempts"] == 0 for row in await post.academy.rows("webhook_delivery")):
        await post.work_off()
    told = {path: await post.delivery(id_) for path, id_ in bad.items()}
    assert {path: (row["state"], row["attempts"], row["response_code"]) for path, row in told.items()} == {
        "fail": ("pending", 1, 500),
        "hang": ("pending", 1, None),
        "away": ("pending", 1, 302),
        "long": ("pending", 1, None),
    }
    assert "does not answer" in told["hang"]["error"]
    assert "too long" in told["long"]["error"]
    assert all(row["next_attempt_at"] > row["last_attempt_at"] for row in told.values())
    # nobody followed, and what buffers hold is all that was read
    assert len(receiver.taken()) == 1
    assert receiver.sent < LONG / 2
    assert [(await post.row(id_))["failures"] for id_ in bad.values()] == [1] * 4


async def test_what_was_not_taken_is_sent_again_the_same_until_it_is(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada")
    receiver.status = 503
    await post.work_off()
    receiver.status = 204
    await post.pass_over(HURRY)
    await post.work_off()
    first, second = await receiver.until(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    row = await post.delivery(made.endpoint.id)
    assert (row["state"], row["attempts"], row["error"], row["response_code"]) == ("delivered", 2, None, 204)
    assert (await post.row(made.endpoint.id))["failures"] == 0


@pytest.mark.parametrize(
    ("status", "asked", "least", "most"),
    [(429, "900", 900, 1200), (503, "31536000", 3600, 4500), (500, "900", 1, 60), (429, "soon", 1, 60)],
    ids=["a while", "a year", "of no meaning", "unreadable"],
)
async def test_one_that_asks_to_be_left_alone_is_for_a_while(
    post: Post, receiver: Receiver, status: int, asked: str, least: int, most: int
) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada")
    receiver.status, receiver.retry_after = status, asked
    await post.work_off()
    row, delivery = await post.row(made.endpoint.id), await post.delivery(made.endpoint.id)
    began = datetime.fromisoformat(delivery["last_attempt_at"])
    for moment in (row["rest_until"], delivery["next_attempt_at"]):
        assert least <= (datetime.fromisoformat(moment) - began).total_seconds() <= most


async def test_one_that_answers_badly_is_tried_with_one_however_much_waits(
    post: Post, receiver: Receiver
) -> None:
    made = await post.endpoint(receiver.url("hang"))
    await post.people(*(f"p{number}" for number in range(20)))
    await post.work_off()
    assert len(receiver.taken("hang")) == webhook_sending.AT_ONCE
    await post.pass_over(HURRY)
    await post.work_off()
    assert len(receiver.taken("hang")) == webhook_sending.AT_ONCE + 1
    assert (await post.row(made.endpoint.id))["failures"] == 2


async def test_after_three_days_it_is_given_up_and_the_endpoint_paused_until_somebody_looks_after_it(
    post: Post, receiver: Receiver
) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada")
    receiver.status = 500
    await post.work_off()
    await post.pass_over(HURRY, AGE)
    await post.work_off()
    dead = await post.delivery(made.endpoint.id)
    row = await post.row(made.endpoint.id)
    assert (dead["state"], row["pause_reason"]) == ("dead", "failing")
    await post.people("bob")
    await look(post.runtime, post.academy.organization)
    assert len(await post.deliveries(made.endpoint.id)) == 1
    receiver.status = 200
    async with post.units.begin(post.academy.acting(post.boss), timeout=10) as work:
        change = webhook_endpoint.EndpointChange(paused=False)
        await webhook_endpoint.update(work, made.endpoint.id, change, version=row["version"])
        await webhook_delivery.retry(work, UUID(dead["id"]))
    while {each["state"] for each in await post.deliveries(made.endpoint.id)} != {"delivered"}:
        await post.work_off()
    names = [each.json["data"]["event"]["user"]["name"] for each in receiver.taken()]
    assert sorted(names) == ["ada", "ada", "ada", "bob"]


async def test_who_says_gone_is_told_nothing_more(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url("gone"))
    await post.people("ada")
    await post.work_off()
    assert (await post.row(made.endpoint.id))["pause_reason"] == "gone"
    async with post.academy.work(read_only=True) as work:
        assert (await rollup.read(work.session, window_days=30)).paused_webhooks == 1


async def test_a_document_that_does_not_fit_any_more_pauses(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada")
    await post.pass_over(UNFIT)
    await post.work_off()
    assert receiver.messages == []
    assert (await post.row(made.endpoint.id))["pause_reason"] == "document_invalid"


def refusing(post: Post, failure: HarkaError, *, after: int) -> None:
    """From now on a worker that has queries answered, but those of events after the first so many."""
    answering, known = asker(post.runtime), list[str]()

    async def ask(context: TenantContext, text: str, variables: Mapping[str, Any]) -> Reply:
        if variables["event"] not in known:
            known.append(variables["event"])
        if known.index(variables["event"]) >= after:
            return Reply({}, failure)
        return await answering(context, text, variables)

    post.execution = Execution(post.runtime, ask=ask)


async def test_an_event_that_cannot_be_asked_for_holds_up_no_other_and_is_given_up_in_time(
    post: Post, receiver: Receiver
) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada", "bob", "eve")
    refusing(post, DeadlineExceededError(), after=2)
    await post.work_off()
    assert len(await receiver.until(2)) == 2
    rows = {row["state"]: row for row in await post.deliveries(made.endpoint.id)}
    assert rows.keys() == {"delivered", "pending"}
    bad = rows["pending"]
    assert (bad["attempts"], bad["response_code"]) == (1, None)
    assert "was not answered" in bad["error"]
    assert bad["next_attempt_at"] > bad["last_attempt_at"]
    # the receiver, who was not asked, is not blamed for it, however long it lasts
    await post.pass_over(HURRY, AGE)
    await post.work_off()
    (bad,) = [row for row in await post.deliveries(made.endpoint.id) if row["id"] == bad["id"]]
    endpoint = await post.row(made.endpoint.id)
    assert (bad["state"], bad["attempts"]) == ("dead", 2)
    assert (endpoint["failures"], endpoint["paused_at"]) == (0, None)
    assert len(receiver.taken()) == 2
    assert {row["state"] for row in await post.academy.rows("job") if row["type"] == DELIVER_WEBHOOKS} == {
        "done"
    }


async def test_while_there_are_no_points_nothing_is_tried_and_nobody_looks_in_vain(
    post: Post, receiver: Receiver
) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada", "bob")
    refusing(post, RateLimitedError(retry_after=900.0), after=1)
    await post.work_off()
    assert len(await receiver.until(1)) == 1
    (left,) = [row for row in await post.deliveries(made.endpoint.id) if row["state"] == "pending"]
    assert (left["attempts"], left["error"], left["leased_until"]) == (0, None, None)
    seconds = (await look(post.runtime, post.academy.organization)).seconds
    assert seconds is not None
    assert 800 < seconds <= 1080
    assert [row["state"] for row in await post.academy.rows("job")] == ["done"]


async def test_inner_networks_are_not_sent_to(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(f"https://localhost:{receiver.port}/take")
    await post.people("ada")
    settings = msgspec.structs.replace(post.runtime.settings, outbound_private=False)
    runtime = msgspec.structs.replace(post.runtime, settings=settings)
    post.execution = Execution(runtime, ask=asker(runtime))
    await post.work_off()
    assert "public internet" in (await post.delivery(made.endpoint.id))["error"]
    assert receiver.messages == []


async def test_a_test_is_a_message_without_data(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url(), types=["course.archived"])
    async with post.academy.work(post.academy.acting(post.boss)) as work:
        sent = await webhook_delivery.send_test(work, made.endpoint.id)
    await post.work_off()
    (message,) = await receiver.until(1)
    assert (message.json["type"], message.json["data"]) == ("webhook.test", None)
    seal = post.runtime.node_ids.seal
    id_ = seal(post.academy.organization.id, NodeKind.WEBHOOK_DELIVERY, sent.id)
    assert message.headers["webhook-id"] == id_
    assert verified(message, made.secret)


async def test_an_endpoint_of_somebody_who_may_not_any_more_sends_nothing(
    post: Post, receiver: Receiver
) -> None:
    made = await post.endpoint(receiver.url())
    async with post.academy.work() as work:
        await user.deactivate(work, post.boss.id)
    await post.work_off()
    assert receiver.messages == []
    assert (await post.row(made.endpoint.id))["pause_reason"] == "not_allowed"
    assert (await post.delivery(made.endpoint.id))["attempts"] == 0


async def test_without_the_feature_nothing_is_sent_and_all_of_it_once_it_is_back(
    post: Post, receiver: Receiver
) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada")
    organization = post.academy.organization
    without = msgspec.structs.replace(organization, features={"api_access": False})
    claimed = await post.execution.claim(organization, 8)
    while not claimed.runs:
        await look(post.runtime, organization)
        claimed = await post.execution.claim(organization, 8)
    for run in claimed.runs:
        await post.execution.run(without, run)
    delivery = await post.delivery(made.endpoint.id)
    assert (delivery["state"], delivery["attempts"], delivery["leased_until"]) == ("pending", 0, None)
    assert (await post.row(made.endpoint.id))["paused_at"] is None
    await post.people("bob")
    assert await look(post.runtime, without) == Look(0)
    assert {row["state"] for row in await post.academy.rows("job")} == {"done"}, "none waits for it"

    await post.pass_over(AGE)
    while len(receiver.taken()) < 2:
        await post.work_off()
    names = [each.json["data"]["event"]["user"]["name"] for each in receiver.taken()]
    assert sorted(names) == ["ada", "bob"], "also what is past its time is tried"


async def test_while_secrets_are_rotated_either_verifies(post: Post, receiver: Receiver) -> None:
    made = await post.endpoint(receiver.url())
    await post.people("ada")
    async with post.units.begin(post.academy.acting(post.boss), timeout=10) as work:
        fresh = await webhook_endpoint.rotate_secret(
            work, made.endpoint.id, seal_key=post.runtime.keyring.seal
        )
    await post.work_off()
    (message,) = await receiver.until(1)
    assert verified(message, made.secret)
    assert verified(message, fresh.secret)
    stored = await post.row(made.endpoint.id)
    for secret in (made.secret, fresh.secret):
        assert base64.b64decode(secret.removeprefix("whsec_")).hex() not in str(stored)
