from datetime import timedelta
from typing import Annotated

import msgspec
import strawberry
from msgspec import UNSET, UnsetType

from harka.errors import InvalidCursorError, ValidationError
from harka.graph.context import Info
from harka.graph.event_enums import EventType
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, required
from harka.graph.stored_query import MOST_POINTS, accept_query
from harka.graph.types.event import open_cursor
from harka.graph.types.webhook_endpoint import WebhookEndpoint
from harka.ids import NodeKind
from harka.learning import webhook_endpoint
from harka.learning.event import DAYS_KEPT
from harka.learning.webhook_endpoint import (
    LONGEST_DESCRIPTION,
    LONGEST_DOCUMENT,
    LONGEST_OVERLAP,
    USUAL_OVERLAP,
    EndpointChange,
    EndpointDraft,
)
from harka.repositories.webhook_endpoint import WebhookEndpoint as EndpointRow
from harka.tenancy.permission import Permission

USUAL_DOCUMENT = (
    "query ($event: ID!) { event(id: $event) { id type subjectId userId courseId fields createdAt } }"
)
_VARIABLES = frozenset({"event", "subject"})
_URL = "Where they are sent: an address of the public internet that begins with https://."
_DOCUMENT = (
    f"What is asked of each event: one query, of at most {LONGEST_DOCUMENT:,} characters and {MOST_POINTS:,} "
    "points, without variables but `$event: ID!`, the event, and `$subject: ID!`, what it happened to."
)
_SCOPES = (
    "What the query may do: permissions by name, none that the caller does not have, `event:read` among them."
)
_TYPES = "Of which types alone it is told events."
_DESCRIPTION = f"What it is for, at most {LONGEST_DESCRIPTION} characters."
_SHOWN_ONCE = (
    "The secret that messages are signed with, `whsec_…`. It is shown this once: with an `Idempotency-Key` "
    "this answer is kept, sealed, for a day."
)


class Written(msgspec.Struct, frozen=True):
    webhook_endpoint: EndpointRow


class Made(msgspec.Struct, frozen=True):
    webhook_endpoint: EndpointRow
    secret: str


class Deleted(msgspec.Struct, frozen=True):
    deleted_webhook_endpoint_id: str


@graph_input
class CreateWebhookEndpointInput(MutationInput):
    """Where events are told, and what of them."""

    url: str = value(_URL)
    scopes: list[str] = value(_SCOPES)
    document: str | None = value(f"{_DOCUMENT} Omit it for what the event itself says.", default=None)
    types: list[EventType] | None = value(f"{_TYPES} Omit it for all.", default=None)
    description: str = value(_DESCRIPTION, default="")


@graph_input
class UpdateWebhookEndpointInput(MutationInput):
    """What to change; what is omitted stays."""

    id: strawberry.ID = value("The endpoint.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    url: str | None = value(_URL, default=strawberry.UNSET)
    scopes: list[str] | None = value(_SCOPES, default=strawberry.UNSET)
    document: str | None = value(_DOCUMENT, default=strawberry.UNSET)
    types: list[EventType] | None = value(f"{_TYPES} None for all.", default=strawberry.UNSET)
    description: str | None = value(_DESCRIPTION, default=strawberry.UNSET)
    paused: bool | None = value(
        "Whether nothing shall be sent. What waits and what happens meanwhile is sent when it is false "
        f"again, as far as it is kept: after {DAYS_KEPT} days events are gone, told or not.",
        default=strawberry.UNSET,
    )


@graph_input
class DeleteWebhookEndpointInput(MutationInput):
    """Whom nothing shall be told any more."""

    webhook_endpoint_id: strawberry.ID = value("The endpoint.")
    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_input
class RotateWebhookSecretInput(MutationInput):
    """Whose secret to put another in the place of."""

    id: strawberry.ID = value("The endpoint.")
    version: int | None = value(
        "The version that was read; omit it to rotate whatever there is.", default=None
    )
    overlap_seconds: int = value(
        "For how long messages are signed with both secrets: 0 to "
        f"{int(LONGEST_OVERLAP.total_seconds())} seconds. A secret that is older signs no more.",
        default=int(USUAL_OVERLAP.total_seconds()),
    )


@graph_input
class ReplayWebhookInput(MutationInput):
    """From where on events are told again."""

    id: strawberry.ID = value("The endpoint.")
    from_cursor: str | None = value(
        "A cursor of `events` without a filter: what comes after it is told, again or for the first time. "
        f"Omit it for all that is kept, {DAYS_KEPT} days; a place of which something that came after it is "
        "gone is CURSOR_EXPIRED.",
        default=None,
    )


@graph_type
class CreateWebhookEndpointPayload(Payload):
    """The endpoint that was made, and its secret."""

    webhook_endpoint: WebhookEndpoint | None = leaf("The new endpoint.")
    secret: str | None = leaf(_SHOWN_ONCE)


@graph_type
class UpdateWebhookEndpointPayload(Payload):
    """The endpoint that was changed."""

    webhook_endpoint: WebhookEndpoint | None = leaf("The endpoint as it is now.")


@graph_type
class DeleteWebhookEndpointPayload(Payload):
    """The endpoint that there is no more."""

    deleted_webhook_endpoint_id: strawberry.ID | None = leaf("The id that names nothing any more.")


@graph_type
class RotateWebhookSecretPayload(Payload):
    """The endpoint with another secret."""

    webhook_endpoint: WebhookEndpoint | None = leaf("The endpoint as it is now.")
    secret: str | None = leaf(_SHOWN_ONCE)


@graph_type
class ReplayWebhookPayload(Payload):
    """The endpoint that reads on from another place."""

    webhook_endpoint: WebhookEndpoint | None = leaf("The endpoint as it is now.")


async def _create(
    info: Info,
    given: Annotated[
        CreateWebhookEndpointInput, strawberry.argument(name="input", description="Where, and what.")
    ],
) -> Made:
    context = info.context
    draft = EndpointDraft(
        url=given.url,
        description=given.description,
        types=given.types or (),
        document=_accept_document(USUAL_DOCUMENT if given.document is None else given.document),
        scopes=given.scopes,
    )
    made = await webhook_endpoint.create(context.work, draft, seal_key=context.runtime.keyring.seal)
    return Made(made.endpoint, made.secret)


async def _update(
    info: Info,
    given: Annotated[
        UpdateWebhookEndpointInput, strawberry.argument(name="input", description="What to change.")
    ],
) -> Written:
    id_ = info.context.open_id(NodeKind.WEBHOOK_ENDPOINT, given.id, "id")
    document: str | UnsetType = required(given.document, "document")
    change = EndpointChange(
        url=required(given.url, "url"),
        description=required(given.description, "description"),
        types=required(given.types, "types"),
        document=UNSET if document is UNSET else _accept_document(document),
        scopes=required(given.scopes, "scopes"),
        paused=required(given.paused, "paused"),
    )
    return Written(await webhook_endpoint.update(info.context.work, id_, change, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteWebhookEndpointInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.WEBHOOK_ENDPOINT, given.webhook_endpoint_id, "webhookEndpointId")
    await webhook_endpoint.delete(info.context.work, id_, version=given.version)
    return Deleted(given.webhook_endpoint_id)


async def _rotate(
    info: Info,
    given: Annotated[RotateWebhookSecretInput, strawberry.argument(name="input", description="Whose.")],
) -> Made:
    context = info.context
    id_ = context.open_id(NodeKind.WEBHOOK_ENDPOINT, given.id, "id")
    done = await webhook_endpoint.rotate_secret(
        context.work,
        id_,
        seal_key=context.runtime.keyring.seal,
        version=given.version,
        overlap=timedelta(seconds=given.overlap_seconds),
    )
    return Made(done.endpoint, done.secret)


async def _replay(
    info: Info,
    given: Annotated[ReplayWebhookInput, strawberry.argument(name="input", description="From where on.")],
) -> Written:
    context = info.context
    id_ = context.open_id(NodeKind.WEBHOOK_ENDPOINT, given.id, "id")
    try:
        after = None if given.from_cursor is None else open_cursor(context, given.from_cursor)
    except InvalidCursorError as error:
        raise ValidationError(error.message, field="fromCursor") from None
    return Written(await webhook_endpoint.replay(context.work, id_, after))


def _accept_document(text: str) -> str:
    return accept_query(text, "document", longest=LONGEST_DOCUMENT, variables=_VARIABLES)


@strawberry.type
class WebhookEndpointMutation:
    create_webhook_endpoint: CreateWebhookEndpointPayload | None = mutation(
        _create,
        "Have events told to a program from now on. The query is executed as the caller, with these scopes "
        "and no more than they may do then. Needs the feature `apiAccess`, and every permission given.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    update_webhook_endpoint: UpdateWebhookEndpointPayload | None = mutation(
        _update,
        "Change an endpoint, pause it, or send to it again. Who changes `url`, `document` or `scopes` is as "
        "whom its query is executed from then on, and needs every permission that it has.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    delete_webhook_endpoint: DeleteWebhookEndpointPayload | None = mutation(
        _delete,
        "Take an endpoint away, with its deliveries: nothing more is sent.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    rotate_webhook_secret: RotateWebhookSecretPayload | None = mutation(
        _rotate,
        "Make a secret in the place of another; for a while messages carry signatures by both.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    replay_webhook: ReplayWebhookPayload | None = mutation(
        _replay,
        "Have an endpoint told again what came after a place in the stream of events. A message has the same "
        "`webhook-id` as when it was sent before.",
        requires=Permission.ORGANIZATION_WRITE,
    )
