from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import strawberry

from harka.auth.api_key import FASTEST, MOST_NETWORKS
from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.api_key import ApiKey
from harka.ids import NodeKind
from harka.learning import api_key
from harka.learning.api_key import LONGEST_OVERLAP, USUAL_OVERLAP, ApiKeyDraft
from harka.repositories.api_key import UsedApiKey
from harka.tenancy.permission import Permission

_TEXT = (
    "The key itself, to be sent as `X-API-Key`. It is shown this once: only its hash is kept, and with an "
    "`Idempotency-Key` this answer, sealed, for a day."
)


class Created(msgspec.Struct, frozen=True):
    api_key: UsedApiKey
    key: str


class Rotated(msgspec.Struct, frozen=True):
    api_key: UsedApiKey
    key: str
    replaced_api_key: UsedApiKey


class Revoked(msgspec.Struct, frozen=True):
    api_key: UsedApiKey


@graph_input
class CreateApiKeyInput(MutationInput):
    """Which program may come in, and what it may do."""

    name: str = value("What it is for: 1 to 100 characters.")
    scopes: list[str] = value(
        "What it may do: permissions by name, such as `course:read`, none that the caller does not have."
    )
    networks: list[str] | None = value(
        f"From where alone it is accepted, in CIDR notation, at most {MOST_NETWORKS}; omit it for anywhere.",
        default=None,
    )
    requests_per_second: int | None = value(
        f"How often it may ask, 1 to {FASTEST}; omit it for the limits of the plan alone.", default=None
    )
    expires_at: datetime | None = value("When it ends; omit it for never.", default=None)
    acts_as_maker: bool = value(
        "Whether it acts as the person who makes it, and is dead when they are deactivated, in place of as a "
        "program of its own.",
        default=False,
    )


@graph_input
class RotateApiKeyInput(MutationInput):
    """Which key to put another in the place of."""

    id: strawberry.ID = value("The key.")
    version: int | None = value(
        "The version that was read; omit it to rotate whatever there is.", default=None
    )
    overlap_seconds: int = value(
        f"For how long both are accepted: 0 to {int(LONGEST_OVERLAP.total_seconds())} seconds.",
        default=int(USUAL_OVERLAP.total_seconds()),
    )


@graph_input
class RevokeApiKeyInput(MutationInput):
    """Which key to put out of force."""

    id: strawberry.ID = value("The key.")
    version: int | None = value(
        "The version that was read; omit it to revoke whatever there is.", default=None
    )


@graph_type
class CreateApiKeyPayload(Payload):
    """The key that was made, and its text."""

    api_key: ApiKey | None = leaf("The new key.")
    key: str | None = leaf(_TEXT)


@graph_type
class RotateApiKeyPayload(Payload):
    """The key in the other's place, and its text."""

    api_key: ApiKey | None = leaf("The new key, bounded as the other is.")
    key: str | None = leaf(_TEXT)
    replaced_api_key: ApiKey | None = leaf("The other as it is now: `expiresAt` says until when.")


@graph_type
class RevokeApiKeyPayload(Payload):
    """The key that nobody can use any more."""

    api_key: ApiKey | None = leaf("The key as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateApiKeyInput, strawberry.argument(name="input", description="What it may do.")],
) -> Created:
    draft = ApiKeyDraft(
        name=given.name,
        scopes=given.scopes,
        networks=given.networks or (),
        requests_per_second=given.requests_per_second,
        expires_at=given.expires_at,
        acts_as_maker=given.acts_as_maker,
    )
    made = await api_key.create(info.context.work, draft)
    return Created(made.key, made.text)


async def _rotate(
    info: Info,
    given: Annotated[RotateApiKeyInput, strawberry.argument(name="input", description="Which one.")],
) -> Rotated:
    id_ = info.context.open_id(NodeKind.API_KEY, given.id, "id")
    overlap = timedelta(seconds=given.overlap_seconds)
    done = await api_key.rotate(info.context.work, id_, version=given.version, overlap=overlap)
    return Rotated(done.made.key, done.made.text, done.replaced)


async def _revoke(
    info: Info,
    given: Annotated[RevokeApiKeyInput, strawberry.argument(name="input", description="Which one.")],
) -> Revoked:
    id_ = info.context.open_id(NodeKind.API_KEY, given.id, "id")
    return Revoked(await api_key.revoke(info.context.work, id_, version=given.version))


@strawberry.type
class ApiKeyMutation:
    create_api_key: CreateApiKeyPayload | None = mutation(
        _create,
        "Make a key for a program. Needs the feature `apiAccess`, and every permission that it is given.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    rotate_api_key: RotateApiKeyPayload | None = mutation(
        _rotate,
        "Make a key in the place of another, which is accepted for a while longer. Needs every permission "
        "that it has.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    revoke_api_key: RevokeApiKeyPayload | None = mutation(
        _revoke,
        "Put a key out of force: within a second nobody is let in by it, and its sockets are closed. Doing "
        "it twice changes nothing.",
        requires=Permission.ORGANIZATION_WRITE,
    )
