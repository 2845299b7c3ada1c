"""Lists of certificates: everybody's, and a person's; the same filter and orders for both."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.enums import CertificateState, OrderDirection
from harka.graph.field import graph_input, value
from harka.graph.loaders.certificate import (
    CertificateByIdLoader,
    CertificateCountByUserLoader,
    CertificatesByUserLoader,
)
from harka.graph.order_enums import CertificateOrder
from harka.graph.pagination import (
    After,
    Below,
    First,
    Rules,
    Slice,
    ordered,
    paginate_below,
    paginate_by,
)
from harka.ids import NodeKind
from harka.learning import certificate
from harka.learning.moment import accept_moment
from harka.repositories.certificate import Certificate
from harka.repositories.certificate_list import ALL
from harka.repositories.certificate_list import CertificateFilter as Only
from harka.repositories.page import Position
from harka.repositories.user import User


@graph_input
class CertificateFilter:
    """Which certificates; what is omitted leaves out none.

    What ends soon: `{state: VALID, expiresBefore: "2026-01-31T09:30:00Z"}`.
    """

    state: CertificateState | None = value("Only those of which this has become.", default=None)
    user_id: strawberry.ID | None = value("Only those of this user.", default=None)
    course_id: strawberry.ID | None = value("Only those of this course.", default=None)
    learning_path_id: strawberry.ID | None = value("Only those of this learning path.", default=None)
    issued_from: datetime | None = value("Only those issued, or last renewed, then or later.", default=None)
    issued_before: datetime | None = value("Only those issued, or last renewed, before then.", default=None)
    expires_from: datetime | None = value("Only those that end then or later.", default=None)
    expires_before: datetime | None = value("Only those that end before then.", default=None)


@graph_input
class CertificateOrderBy:
    """How certificates are ordered."""

    field: CertificateOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    CertificateFilter | None,
    strawberry.argument(name="filter", description="Which certificates; omit it for all."),
]
Ordered = Annotated[
    CertificateOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")
]
_LISTED = Rules(certificate.list_page, certificate.count, CertificateByIdLoader)


async def everybodys_certificates(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    """A page of all that the caller may see."""
    return await paginate_by(
        _LISTED,
        info.context,
        "certificates",
        only=msgspec.structs.asdict(_accepted(info, matching)),
        order=ordered(order_by),
        first=first,
        after=after,
    )


def certificates_of(
    root: User,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of a person's."""
    only, order = _accepted(info, matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[Certificate]:
        if only.user_id not in (None, root.id):
            return []
        own = msgspec.structs.asdict(only) | {"user_id": root.id}
        return await certificate.list_page(info.context.work, after=position, first=limit, order=order, **own)

    below = Below(
        name="user.certificates",
        parent=root.id,
        rows=CertificatesByUserLoader,
        counts=CertificateCountByUserLoader,
        asked=(order, only),
        bound=() if only == ALL else msgspec.structs.astuple(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def _accepted(info: Info, given: CertificateFilter | None) -> Only:
    if given is None:
        return ALL

    def id_(kind: NodeKind, asked: strawberry.ID | None, field: str) -> UUID | None:
        return None if asked is None else info.context.open_id(kind, asked, f"filter.{field}")

    def moment(asked: datetime | None, field: str) -> datetime | None:
        return None if asked is None else accept_moment(asked, f"filter.{field}")

    return Only(
        state=given.state,
        user_id=id_(NodeKind.USER, given.user_id, "userId"),
        course_id=id_(NodeKind.COURSE, given.course_id, "courseId"),
        path_id=id_(NodeKind.LEARNING_PATH, given.learning_path_id, "learningPathId"),
        issued_from=moment(given.issued_from, "issuedFrom"),
        issued_before=moment(given.issued_before, "issuedBefore"),
        expires_from=moment(given.expires_from, "expiresFrom"),
        expires_before=moment(given.expires_before, "expiresBefore"),
    )
