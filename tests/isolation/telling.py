"""What has happened in a world, once its readers are shown it."""

from typing import Any
from uuid import UUID

from harka import clock
from harka.graph.cursor import Listing
from harka.ids import NodeKind, new_id
from harka.learning import event, webhook_delivery, webhook_endpoint
from harka.learning.webhook_endpoint import EndpointChange, EndpointDraft
from harka.learning.work import unit_of_work
from harka.repositories import mail_sender as senders
from harka.repositories.event import IN_LINE, EventType
from harka.repositories.mail_sender import MailSender
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.tenancy.context import operator_context


async def told(runtime: Runtime, organization: Organization) -> tuple[UUID, set[UUID]]:
    """An event about somebody, and all there are: tests beside this one may have transactions under way."""
    while True:
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            operator_context(organization),
            read_only=True,
            timeout=30,
        ) as work:
            found = await event.list_page(work, after=None, first=100)
        about = [each.id for each in found if each.type == EventType.USER_CREATED]
        if about:
            return about[0], {each.id for each in found}


_BURY = Statement(
    "test.bury_delivery",
    """UPDATE {schema}.webhook_delivery SET state = 'dead', error = $3::text, finished_at = now()
    WHERE tenant_id = $1 AND id = $2::uuid""",
)


async def by_own_server(runtime: Runtime, organization: Organization, world: Any) -> UUID:
    """A sender of the organization's own that takes nothing."""
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        operator_context(organization),
        read_only=False,
        timeout=30,
    ) as work:
        now = clock.now()
        row = MailSender(
            *(new_id(), f"{world.canary}@example.com", f"{world.canary}.example", 587, True),
            *(f"user {world.canary}", None, None, None, now, now, 1),
        )
        made = await senders.put(work.session, row, world.canary.encode(), version=None)
        assert made is not None
        await senders.note(work.session, made.version, f"Refused: {world.canary}")
    world.raw |= {str(made.id), made.id.hex}
    return made.id


async def hook(runtime: Runtime, organization: Organization, world: Any) -> dict[NodeKind, UUID]:
    """An endpoint that is paused, with one that waits and one given up, which is answered, too."""
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        operator_context(organization),
        read_only=False,
        timeout=30,
        outside=runtime.outside,
    ) as work:
        draft = EndpointDraft(
            url=f"https://{world.canary}.example/hook",
            description=f"Hook {world.canary}",
            document="query ($event: ID!) { event(id: $event) { id } }",
            scopes=["event:read"],
        )
        made = await webhook_endpoint.create(work, draft, seal_key=runtime.keyring.seal)
        id_ = made.endpoint.id
        await webhook_endpoint.update(work, id_, EndpointChange(paused=True), version=1)
        waits, dead = [await webhook_delivery.send_test(work, id_) for _ in range(2)]
        await work.session.execute(_BURY, dead.id, f"Failed: {world.canary}")
    world.raw |= {made.secret, *(text for row in (id_, waits.id, dead.id) for text in (str(row), row.hex))}
    listing = Listing(runtime.keyring.cursor, organization.id, "events", order=IN_LINE)
    world.fitting["ReplayWebhookInput.fromCursor"] = listing.seal((1, id_))
    world.fitting["UpdateWebhookEndpointInput.version"] = 2
    return {NodeKind.WEBHOOK_ENDPOINT: id_, NodeKind.WEBHOOK_DELIVERY: dead.id}
