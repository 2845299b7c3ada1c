from collections.abc import Sequence
from datetime import datetime

import strawberry

from harka.graph.context import Info
from harka.graph.enums import DomainStatus
from harka.graph.field import field, leaf
from harka.graph.loaders.domain import DomainByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.ids import NodeKind
from harka.learning import domain
from harka.repositories.domain import Domain as DomainRow
from harka.repositories.page import Position
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


async def _domains(info: Info, first: First, after: After = None) -> Slice:
    context = info.context

    async def fetch(position: Position | None, limit: int) -> Sequence[DomainRow]:
        rows = await domain.list_page(context.work, after=position, first=limit)
        context.loaders.of(DomainByIdLoader).prime(rows)
        return rows

    return await paginate(
        context, "domains", first=first, after=after, fetch=fetch, count=lambda: domain.count(context.work)
    )


@strawberry.type
class DomainQuery:
    domains: Connection[Domain] | None = field(
        _domains,
        "The domains that the organization has claimed or proven.",
        requires=Permission.ORGANIZATION_WRITE,
    )
