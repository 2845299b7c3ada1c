from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import DomainStatus, OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.domain import DomainByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import DomainOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import domain
from harka.learning.text import LONGEST_NAME, accept_part
from harka.repositories.domain import Domain as DomainRow
from harka.tenancy.permission import Permission


def _record_name(root: DomainRow) -> str:
    return domain.record_name(root)


def _record_value(root: DomainRow) -> str:
    return domain.record_value(root)


@node_type(DomainRow, NodeKind.DOMAIN, DomainByIdLoader)
class Domain(Node):
    """An internet domain that the organization says is its own."""

    name: str = leaf("Its name, in lower case.")
    status: DomainStatus = leaf("Whether it is claimed, proven, served, or taken back.")
    record_name: str = field(_record_name, "The name of the TXT record in DNS that proves it.")
    record_value: str = field(
        _record_value, "The text of that record. It stays in DNS: the proof is looked for every hour."
    )
    verified_at: datetime | None = leaf("When it was last proven; null when it never was.")
    checked_at: datetime | None = leaf("When the proof was last looked for; null when it never was.")
    proof_missing_since: datetime | None = leaf(
        "When the proof was first found to be gone: after 72 hours the domain is taken back. Null while it "
        "is there."
    )
    created_at: datetime = leaf("When it was claimed.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change, and when the proof is looked for.")


@graph_input
class DomainFilter:
    """Which domains; what is omitted leaves out none."""

    name: str | None = value("Only domains with this in their name, whatever its case.", default=None)
    status: DomainStatus | None = value("Only domains that stand so.", default=None)


@graph_input
class DomainOrderBy:
    """How domains are ordered."""

    field: DomainOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    DomainFilter | None,
    strawberry.argument(name="filter", description="Which domains; omit it for all."),
]
Ordered = Annotated[
    DomainOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(domain.list_page, domain.count, DomainByIdLoader)


async def _domains(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    given = matching or DomainFilter()
    return await paginate_by(
        _LISTED,
        info.context,
        "domains",
        only={"name": accept_part(given.name, "filter.name", longest=LONGEST_NAME), "status": given.status},
        order=ordered(order_by),
        first=first,
        after=after,
    )


@strawberry.type
class DomainQuery:
    domains: Connection[Domain] | None = field(
        _domains,
        "The domains that the organization has claimed or proven. Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
