"""The organization's certificates as a list."""

from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import CertificateState, OrderDirection
from harka.graph.field import graph_input, value
from harka.graph.loaders.certificate import CertificateByIdLoader
from harka.graph.order_enums import CertificateOrder
from harka.graph.pagination import After, Asked, First, Rules, Slice, ordered, paginate_by
from harka.ids import NodeKind
from harka.learning import certificate
from harka.learning.moment import accept_moment


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
        only=_accepted(info, matching or CertificateFilter()),
        order=ordered(order_by),
        first=first,
        after=after,
    )


def _accepted(info: Info, given: CertificateFilter) -> dict[str, Asked]:
    def id_(kind: NodeKind, asked: strawberry.ID | None, field: str) -> Asked:
        return None if asked is None else info.context.open_id(kind, asked, f"filter.{field}")

    def moment(asked: datetime | None, field: str) -> Asked:
        return None if asked is None else accept_moment(asked, f"filter.{field}")

    return {
        "state": given.state,
        "user_id": id_(NodeKind.USER, given.user_id, "userId"),
        "course_id": id_(NodeKind.COURSE, given.course_id, "courseId"),
        "path_id": id_(NodeKind.LEARNING_PATH, given.learning_path_id, "learningPathId"),
        "issued_from": moment(given.issued_from, "issuedFrom"),
        "issued_before": moment(given.issued_before, "issuedBefore"),
        "expires_from": moment(given.expires_from, "expiresFrom"),
        "expires_before": moment(given.expires_before, "expiresBefore"),
    }
