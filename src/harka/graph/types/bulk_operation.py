from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from harka.codec import from_json
from harka.graph.bulk_enums import BulkOperationState
from harka.graph.context import Info
from harka.graph.enums import OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.bulk_operation import BulkOperationByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.order_enums import BulkOperationOrder
from harka.graph.pagination import After, Connection, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import bulk_operation
from harka.learning.bulk_operation import KEPT, QueryDraft
from harka.repositories.bulk_operation import BulkOperation as BulkOperationRow
from harka.tenancy.permission import Permission


def _job_id(root: BulkOperationRow, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.TENANT_JOB, root.job_id)


def _query(root: BulkOperationRow, info: Info) -> str:
    return _asked_for(root, info).query


def _variables(root: BulkOperationRow, info: Info) -> dict[str, Any]:
    variables: dict[str, Any] = from_json(_asked_for(root, info).variables)
    return variables


def _asked_for(root: BulkOperationRow, info: Info) -> QueryDraft:
    context = info.context
    return bulk_operation.asked_for(root, tenant=context.tenant.id, seal_key=context.runtime.keyring.seal)


def _url(root: BulkOperationRow, info: Info) -> str | None:
    return bulk_operation.download_url(info.context.work, info.context.runtime.files, root)


def _expires_at(root: BulkOperationRow) -> datetime:
    return bulk_operation.expires_at(root)


@node_type(BulkOperationRow, NodeKind.BULK_OPERATION, BulkOperationByIdLoader)
class BulkOperation(Node):
    """A query that a job runs over all that a list has, into a file with a line of JSON for each node."""

    query: str = field(_query, "The query, as it was given.")
    variables: JSON = field(_variables, "Its variables.")
    state: BulkOperationState = leaf("What has become of it.")
    job_id: strawberry.ID = field(
        _job_id, "Its job: `jobProgress` tells how far it is, `retryJob` goes on where it was given up."
    )
    objects: int = leaf("How many nodes were written so far, each a line.")
    bytes: int = leaf("How long these lines are, in bytes of UTF-8.")
    url: str | None = field(
        _url,
        "Where the file is read, relative to the organization's address, for five to ten minutes by whoever "
        "has it; ask again for another. Null until it is DONE, for others than who asked, and once these may "
        "do less than then.",
    )
    expires_at: datetime = field(_expires_at, "When it is forgotten, with its file.")
    error_code: str | None = leaf("Why it failed, for programs; null otherwise.")
    error: str | None = leaf("Why it failed, or why its job did last, in English; null otherwise.")
    finished_at: datetime | None = leaf("When it was over; null before.")
    created_at: datetime = leaf("When it was asked for.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class BulkOperationFilter:
    """Which operations; what is omitted leaves out none."""

    state: BulkOperationState | None = value("Only operations of which this has become.", default=None)


@graph_input
class BulkOperationOrderBy:
    """How operations are ordered."""

    field: BulkOperationOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    BulkOperationFilter | None,
    strawberry.argument(name="filter", description="Which operations; omit it for all."),
]
Ordered = Annotated[
    BulkOperationOrderBy | None,
    strawberry.argument(description="Omit it for the oldest first."),
]


_LISTED = Rules(bulk_operation.list_page, bulk_operation.count, BulkOperationByIdLoader)


async def _operations(
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Slice:
    return await paginate_by(
        _LISTED,
        info.context,
        "bulkOperations",
        only={"state": None if matching is None else matching.state},
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _operation(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the operation.")],
) -> Awaitable[BulkOperationRow | None]:
    context = info.context
    return context.loaders.of(BulkOperationByIdLoader).want(context.open_id(NodeKind.BULK_OPERATION, id_))


@strawberry.type
class BulkOperationQuery:
    bulk_operations: Connection[BulkOperation] | None = field(
        _operations,
        f"The organization's bulk operations of the last {KEPT.days} days.",
        requires=Permission.JOB_READ,
    )
    bulk_operation: BulkOperation | None = field(
        _operation,
        "One of them; null when there is none.",
        requires=Permission.JOB_READ,
    )
