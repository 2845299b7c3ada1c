"""How pages look: the versions for who works on them, and what is published for anybody."""

from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.enums import BrandingStatus, OrderDirection
from harka.graph.field import field, graph_input, graph_type, leaf, value
from harka.graph.loaders.branding import BrandingByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import BrandingOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import branding
from harka.learning.branding import Look
from harka.learning.contrast import WHITE, ratio
from harka.repositories.branding import Branding as BrandingRow
from harka.tenancy.permission import Permission
from harka.tenancy.resolution import tenant_at

_LOGO = "Address of the logo, to be joined to the organization's own; its content never changes."
_FAVICON = (
    "Address of the small icon that browsers show, to be joined to the organization's own; its content never "
    "changes."
)


def _logo(root: BrandingRow | Look) -> str | None:
    return _address(root.logo_hash)


def _favicon(root: BrandingRow | Look) -> str | None:
    return _address(root.favicon_hash)


def _address(hash_: str | None) -> str | None:
    return None if hash_ is None else f"/files/branding/{hash_}"


def _primary_contrast(root: BrandingRow) -> float | None:
    return _contrast(root.primary_color)


def _secondary_contrast(root: BrandingRow) -> float | None:
    return _contrast(root.secondary_color)


def _contrast(color: str | None) -> float | None:
    return None if color is None else ratio(color, WHITE)


@graph_type
class OrganizationBranding:
    """How an organization's pages look. What is null looks as the platform does."""

    logo: str | None = field(_logo, _LOGO)
    primary_color: str | None = leaf("Main colour, as `#rrggbb`.")
    secondary_color: str | None = leaf("Second colour, as `#rrggbb`.")
    favicon: str | None = field(_favicon, _FAVICON)


@node_type(BrandingRow, NodeKind.BRANDING, BrandingByIdLoader)
class Branding(Node):
    """A version of how the organization's pages look. What is null looks as the platform does."""

    status: BrandingStatus = leaf("Whether it is worked on, shown, or was shown once.")
    logo: str | None = field(_logo, _LOGO)
    primary_color: str | None = leaf("Main colour, as `#rrggbb`: of text on white, and behind white text.")
    primary_contrast: float | None = field(
        _primary_contrast, "Contrast of the main colour with white, from 1 to 21; WCAG AA asks for 4.5."
    )
    secondary_color: str | None = leaf("Second colour, as `#rrggbb`: of lines, icons and other graphics.")
    secondary_contrast: float | None = field(
        _secondary_contrast, "Contrast of the second colour with white, from 1 to 21; WCAG AA asks for 3."
    )
    favicon: str | None = field(_favicon, _FAVICON)
    published_at: datetime | None = leaf("When it was last published; null for a draft.")
    created_at: datetime = leaf("When it was begun.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class BrandingFilter:
    """Which versions; what is omitted leaves out none."""

    status: BrandingStatus | None = value("Only versions that stand so.", default=None)


@graph_input
class BrandingOrderBy:
    """How versions are ordered."""

    field: BrandingOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    BrandingFilter | None,
    strawberry.argument(name="filter", description="Which versions; omit it for all."),
]
Ordered = Annotated[
    BrandingOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(branding.list_page, branding.count, BrandingByIdLoader)


async def _brandings(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    return await paginate_by(
        _LISTED,
        info.context,
        "brandings",
        only={"status": None if matching is None else matching.status},
        order=ordered(order_by),
        first=first,
        after=after,
    )


async def _branding(
    info: Info,
    host: Annotated[
        str, strawberry.argument(description="The host name in the page's address, with or without a port.")
    ],
) -> Look | None:
    context = info.context
    # read in any case: whether a name is somebody's must not be told by how long the answer takes
    shown = await branding.look(context.work)
    return shown if tenant_at(context.runtime.directory.current, host) == context.tenant.id else None


@strawberry.type
class BrandingQuery:
    brandings: Connection[Branding] | None = field(
        _brandings,
        "Every version of how the organization's pages look: the draft, what is published, and what was."
        " Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    branding: OrganizationBranding | None = field(
        _branding,
        "How the pages at this address look, for anybody, without signing in. It is asked at that address "
        "itself; for any other the answer is null, whether somebody's pages are there or not.",
        cached=kept(60, public=True),
    )
