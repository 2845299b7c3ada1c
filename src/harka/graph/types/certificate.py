from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Final

import strawberry

from harka.graph.context import Info
from harka.graph.enums import CertificateState
from harka.graph.field import field, graph_type, leaf, related
from harka.graph.loaders.certificate import CertificateByIdLoader
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import certificate
from harka.repositories.certificate import Certificate as CertificateRow

_PDF_SECONDS: Final = 300.0


def _state(root: CertificateRow) -> str:
    return certificate.state_of(root)


def _pdf_url(root: CertificateRow, info: Info) -> str | None:
    if root.revoked_at is not None:
        return None
    context = info.context
    path = f"certificates/{root.id.hex}.pdf"
    return f"/files/certificates/{context.runtime.files.sign(context.tenant.id, path, lifetime=_PDF_SECONDS)}"


@node_type(CertificateRow, NodeKind.CERTIFICATE, CertificateByIdLoader)
class Certificate(Node):
    """The proof of a completion, issued once, by courses that award one."""

    user: later.User | None = related(
        UserByIdLoader, "user_id", "Whose it is; null when the caller may not see them."
    )
    course: later.Course | None = related(
        CourseByIdLoader, "course_id", "What was completed; null when the caller may not see it."
    )
    enrollment: later.Enrollment | None = related(
        EnrollmentByIdLoader, "enrollment_id", "The completed enrollment."
    )
    pdf_url: str | None = field(
        _pdf_url,
        "Where it is as a PDF for the next five minutes, for whoever has the address; to be joined to the "
        "organization's own. Null once it is revoked.",
    )
    serial: str = leaf("Whoever knows it can verify the certificate by `verifyCertificate`.")
    state: CertificateState = field(_state, "Whether it still proves anything.")
    holder_name: str = leaf("The person's name on the day it was issued.")
    course_title: str = leaf("The course's title on the day it was issued.")
    issued_at: datetime = leaf("When the course was completed.")
    expires_at: datetime | None = leaf("When it ends; null for never.")
    revoked_at: datetime | None = leaf("When it was revoked; null unless it was.")
    revoke_reason: str | None = leaf("Why it was revoked; null unless it was.")
    created_at: datetime = leaf("When the certificate was written.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


@graph_type
class VerifiedCertificate:
    """What anybody who knows a serial may know."""

    state: CertificateState = field(_state, "Whether it still proves anything.")
    holder_name: str = leaf("The person's name on the day it was issued.")
    course_title: str = leaf("The course's title on the day it was issued.")
    issued_at: datetime = leaf("When the course was completed.")
    expires_at: datetime | None = leaf("When it ends; null for never.")
    revoked_at: datetime | None = leaf("When it was revoked; null unless it was.")


def _verify(
    info: Info,
    serial: Annotated[str, strawberry.argument(description="The serial, as it stands on the certificate.")],
) -> Awaitable[CertificateRow | None]:
    return certificate.verify(info.context.work, serial)


@strawberry.type
class CertificateQuery:
    verify_certificate: VerifiedCertificate | None = field(
        _verify,
        "Whether a certificate of this organization is genuine, for anybody, without signing in; null for a "
        "serial that it never issued.",
    )
