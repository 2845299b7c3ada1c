from collections.abc import Awaitable
from datetime import date, datetime
from typing import Annotated, Final

import strawberry

from harka.graph.caching import kept
from harka.graph.context import Info
from harka.graph.deprecation import deprecated
from harka.graph.enums import CertificateState
from harka.graph.field import field, graph_type, leaf, related
from harka.graph.loaders.certificate import CertificateByIdLoader
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.enrollment import EnrollmentByIdLoader
from harka.graph.loaders.path import LearningPathByIdLoader, LearningPathEnrollmentByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import Connection
from harka.graph.permission import Access
from harka.graph.types import later
from harka.graph.types.certificate_list import everybodys_certificates
from harka.ids import NodeKind
from harka.learning import certificate
from harka.repositories.certificate import Certificate as CertificateRow
from harka.repositories.course import Course as CourseRow
from harka.repositories.enrollment import Enrollment as EnrollmentRow
from harka.repositories.path import LearningPath as PathRow
from harka.repositories.path_enrollment import PathEnrollment as PathEnrollmentRow

_PDF_SECONDS: Final = 300.0
_TITLE_INSTEAD: Final = deprecated(
    "Use title: not every certificate is of a course.", until=date(2027, 6, 30)
)


def _state(root: CertificateRow) -> str:
    return certificate.state_of(root)


def _title(root: CertificateRow) -> str:
    return root.title


def _course(root: CertificateRow, info: Info) -> Awaitable[CourseRow | None] | None:
    return None if root.course_id is None else info.context.loaders.of(CourseByIdLoader).want(root.course_id)


def _enrollment(root: CertificateRow, info: Info) -> Awaitable[EnrollmentRow | None] | None:
    id_ = root.enrollment_id
    return None if id_ is None else info.context.loaders.of(EnrollmentByIdLoader).want(id_)


def _path(root: CertificateRow, info: Info) -> Awaitable[PathRow | None] | None:
    return (
        None if root.path_id is None else info.context.loaders.of(LearningPathByIdLoader).want(root.path_id)
    )


def _path_enrollment(root: CertificateRow, info: Info) -> Awaitable[PathEnrollmentRow | None] | None:
    id_ = root.path_enrollment_id
    return None if id_ is None else info.context.loaders.of(LearningPathEnrollmentByIdLoader).want(id_)


def _pdf_url(root: CertificateRow, info: Info) -> str | None:
    if root.revoked_at is not None:
        return None
    context = info.context
    path = f"certificates/{root.id.hex}.pdf"
    return f"/files/certificates/{context.runtime.files.sign(context.tenant.id, path, lifetime=_PDF_SECONDS)}"


@node_type(CertificateRow, NodeKind.CERTIFICATE, CertificateByIdLoader)
class Certificate(Node):
    """The proof of a completion, issued once, by courses and learning paths that award one."""

    user: later.User | None = related(
        UserByIdLoader, "user_id", "Whose it is; null when the caller may not see them."
    )
    course: later.Course | None = field(
        _course,
        "The course that was completed; null for a learning path's, and where the caller may not see it.",
    )
    enrollment: later.Enrollment | None = field(
        _enrollment, "The completed enrollment; null for a learning path's."
    )
    learning_path: later.LearningPath | None = field(
        _path,
        "The learning path that was completed; null for a course's, and where the caller may not see it.",
    )
    learning_path_enrollment: later.LearningPathEnrollment | None = field(
        _path_enrollment, "The completed enrollment on the path; null for a course's."
    )
    pdf_url: str | None = field(
        _pdf_url,
        "Where it is as a PDF for the next five minutes, for whoever has the address; to be joined to the "
        "organization's own. Null once it is revoked.",
    )
    serial: str = leaf("Whoever knows it can verify the certificate by `verifyCertificate`.")
    state: CertificateState = field(_state, "Whether it still proves anything.")
    holder_name: str = leaf("The person's name on the day it was issued, or last renewed.")
    title: str = leaf("The title of the course or learning path on the day it was issued, or last renewed.")
    course_title: str = field(_title, "Like `title`.", deprecation_reason=_TITLE_INSTEAD)
    issued_at: datetime = leaf("When it was completed, or the certificate last renewed.")
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
    holder_name: str = leaf("The person's name on the day it was issued, or last renewed.")
    title: str = leaf("The title of the course or learning path on the day it was issued, or last renewed.")
    course_title: str = field(_title, "Like `title`.", deprecation_reason=_TITLE_INSTEAD)
    issued_at: datetime = leaf("When it was completed, or the certificate last renewed.")
    expires_at: datetime | None = leaf("When it ends; null for never.")
    revoked_at: datetime | None = leaf("When it was revoked; null unless it was.")


def _verify(
    info: Info,
    serial: Annotated[str, strawberry.argument(description="The serial, as it stands on the certificate.")],
) -> Awaitable[CertificateRow | None]:
    return certificate.verify(info.context.work, serial)


@strawberry.type
class CertificateQuery:
    certificates: Connection[Certificate] | None = field(
        everybodys_certificates,
        "What proves completions. Callers without `enrollment:read` see their own only.",
        requires=Access.SIGNED_IN,
    )
    verify_certificate: VerifiedCertificate | None = field(
        _verify,
        "Whether a certificate of this organization is genuine, for anybody, without signing in; null for a "
        "serial that it never issued.",
        cached=kept(60, public=True),
    )
