from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, optional
from harka.graph.types.branding import Branding
from harka.ids import NodeKind
from harka.learning import branding
from harka.learning.branding import BrandingChanges
from harka.repositories.branding import Branding as BrandingRow
from harka.tenancy.permission import Permission

_PICTURE = (
    "at most 256 KiB and 2048 pixels a side, in Base64. Of an SVG only shapes, colours and text are kept; "
    "`<style>`, scripts, references and whatever moves are stripped."
)


class Changed(msgspec.Struct, frozen=True):
    branding: BrandingRow


class Discarded(msgspec.Struct, frozen=True):
    discarded_branding_id: str


@graph_input
class UpdateBrandingInput(MutationInput):
    """What to change of the draft. What is omitted stays as it is, null takes it away."""

    version: int | None = value(
        "The draft's version that was read; omit it to change whatever there is, or to begin a draft.",
        default=None,
    )
    logo: str | None = value(f"SVG, PNG, JPEG or WebP, {_PICTURE}", default=strawberry.UNSET)
    favicon: str | None = value(f"SVG, PNG, JPEG, WebP or ICO, {_PICTURE}", default=strawberry.UNSET)
    primary_color: str | None = value(
        "As `#rrggbb`. Text stands in it on white, and white text on it: a contrast of 4.5 is needed.",
        default=strawberry.UNSET,
    )
    secondary_color: str | None = value(
        "As `#rrggbb`. Graphics stand in it on white: a contrast of 3 is needed.", default=strawberry.UNSET
    )


@graph_input
class PublishBrandingInput(MutationInput):
    """Which draft to show to everybody: there is only one."""

    version: int | None = value(
        "The draft's version that was read; omit it to publish whatever there is.", default=None
    )


@graph_input
class DiscardBrandingInput(MutationInput):
    """Which draft to give up: there is only one."""

    version: int | None = value(
        "The draft's version that was read; omit it to discard whatever there is.", default=None
    )


@graph_input
class RollBackBrandingInput(MutationInput):
    """Which version to show again."""

    id: strawberry.ID = value("The version.")
    version: int | None = value("Its `version` that was read; omit it to take whatever it is.", default=None)


@graph_type
class UpdateBrandingPayload(Payload):
    """The draft that was changed."""

    branding: Branding | None = leaf("The draft as it is now.")


@graph_type
class PublishBrandingPayload(Payload):
    """The version that was published."""

    branding: Branding | None = leaf("What everybody sees now.")


@graph_type
class DiscardBrandingPayload(Payload):
    """The draft that was given up."""

    discarded_branding_id: strawberry.ID | None = leaf("The id that names nothing any more.")


@graph_type
class RollBackBrandingPayload(Payload):
    """The version that was published again."""

    branding: Branding | None = leaf("What everybody sees now.")


async def _update(
    info: Info,
    given: Annotated[UpdateBrandingInput, strawberry.argument(name="input", description="What to change.")],
) -> Changed:
    changes = BrandingChanges(
        logo=optional(given.logo),
        favicon=optional(given.favicon),
        primary_color=optional(given.primary_color),
        secondary_color=optional(given.secondary_color),
    )
    return Changed(await branding.save_draft(info.context.work, changes, version=given.version))


async def _publish(
    info: Info,
    given: Annotated[PublishBrandingInput, strawberry.argument(name="input", description="Which draft.")],
) -> Changed:
    return Changed(await branding.publish(info.context.work, version=given.version))


async def _discard(
    info: Info,
    given: Annotated[DiscardBrandingInput, strawberry.argument(name="input", description="Which draft.")],
) -> Discarded:
    context = info.context
    draft = await branding.discard(context.work, version=given.version)
    return Discarded(context.runtime.node_ids.seal(context.tenant.id, NodeKind.BRANDING, draft.id))


async def _roll_back(
    info: Info,
    given: Annotated[RollBackBrandingInput, strawberry.argument(name="input", description="To which.")],
) -> Changed:
    id_ = info.context.open_id(NodeKind.BRANDING, given.id, "id")
    return Changed(await branding.roll_back(info.context.work, id_, version=given.version))


@strawberry.type
class BrandingMutation:
    update_branding: UpdateBrandingPayload | None = mutation(
        _update,
        "Change the draft of how the organization's pages look; without one, begin a draft from what is "
        "published. Nobody else sees it before it is published. Needs the feature `customBranding`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    publish_branding: PublishBrandingPayload | None = mutation(
        _publish,
        "Show the draft to everybody; what was published is kept, to be rolled back to.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    discard_branding: DiscardBrandingPayload | None = mutation(
        _discard,
        "Give the draft up; what is published stays.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    roll_back_branding: RollBackBrandingPayload | None = mutation(
        _roll_back,
        "Show an earlier version again. The draft, if there is one, stays.",
        requires=Permission.ORGANIZATION_WRITE,
    )
