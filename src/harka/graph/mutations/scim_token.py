from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.scim_token import ScimToken
from harka.ids import NodeKind
from harka.learning import scim_token
from harka.repositories.scim_token import UsedScimToken
from harka.tenancy.permission import Permission


class Created(msgspec.Struct, frozen=True):
    scim_token: UsedScimToken
    token: str


class Revoked(msgspec.Struct, frozen=True):
    scim_token: UsedScimToken


@graph_input
class CreateScimTokenInput(MutationInput):
    """Which directory may come in."""

    name: str = value("Which directory has it: 1 to 100 characters.")
    expires_at: datetime | None = value("When it ends; omit it for never.", default=None)


@graph_input
class RevokeScimTokenInput(MutationInput):
    """Which token to put out of force."""

    id: strawberry.ID = value("The token.")
    version: int | None = value(
        "The version that was read; omit it to revoke whatever there is.", default=None
    )


@graph_type
class CreateScimTokenPayload(Payload):
    """The token that was made, and its text."""

    scim_token: ScimToken | None = leaf("The new token.")
    token: str | None = leaf(
        "The token itself, to be sent as `Authorization: Bearer` to `/scim/v2`. It is shown this once: only "
        "its hash is kept, and with an `Idempotency-Key` this answer, sealed, for a day."
    )


@graph_type
class RevokeScimTokenPayload(Payload):
    """The token that nobody can use any more."""

    scim_token: ScimToken | None = leaf("The token as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateScimTokenInput, strawberry.argument(name="input", description="Which directory.")],
) -> Created:
    made = await scim_token.create(info.context.work, name=given.name, expires_at=given.expires_at)
    return Created(made.token, made.text)


async def _revoke(
    info: Info,
    given: Annotated[RevokeScimTokenInput, strawberry.argument(name="input", description="Which one.")],
) -> Revoked:
    id_ = info.context.open_id(NodeKind.SCIM_TOKEN, given.id, "id")
    return Revoked(await scim_token.revoke(info.context.work, id_, version=given.version))


@strawberry.type
class ScimTokenMutation:
    create_scim_token: CreateScimTokenPayload | None = mutation(
        _create,
        "Make a token for the organization's own directory, which may then do by SCIM what the caller may: "
        "make, change and take away people and groups. Needs the feature `sso` and `user:write`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    revoke_scim_token: RevokeScimTokenPayload | None = mutation(
        _revoke,
        "Put a token out of force: within a second no directory is let in by it. Doing it twice changes "
        "nothing.",
        requires=Permission.ORGANIZATION_WRITE,
    )
