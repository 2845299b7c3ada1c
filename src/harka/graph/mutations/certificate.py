from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.certificate import Certificate
from harka.ids import NodeKind
from harka.learning import certificate
from harka.learning.certificate import RENEWED_WITHIN, Issuance
from harka.repositories.certificate import Certificate as CertificateRow
from harka.tenancy.permission import Permission


class Written(msgspec.Struct, frozen=True):
    certificate: CertificateRow


@graph_input
class IssueCertificateInput(MutationInput):
    """Who shall have a certificate after all."""

    enrollment_id: strawberry.ID = value("A completed enrollment in a course that awards certificates now.")


@graph_input
class RevokeCertificateInput(MutationInput):
    """Which certificate shall prove nothing any more."""

    id: strawberry.ID = value("The certificate.")
    reason: str = value("Why: 1 to 500 characters. The holder reads it; who verifies the serial does not.")
    version: int | None = value(
        "The version that was read; omit it to revoke whatever there is.", default=None
    )


@graph_input
class RenewCertificateInput(MutationInput):
    """Which certificate shall go on."""

    id: strawberry.ID = value(f"The certificate. It has ended, or ends within {RENEWED_WITHIN} days.")
    version: int | None = value(
        "The version that was read; omit it to renew whatever there is.", default=None
    )


@graph_type
class IssueCertificatePayload(Payload):
    """The certificate that there is now."""

    certificate: Certificate | None = leaf("The certificate of the enrollment.")
    created: bool | None = leaf("Whether it was issued now; false when there was one.")


@graph_type
class RenewCertificatePayload(Payload):
    """The certificate that was renewed."""

    certificate: Certificate | None = leaf("The certificate as it is now.")


@graph_type
class RevokeCertificatePayload(Payload):
    """The certificate that was revoked."""

    certificate: Certificate | None = leaf("The certificate as it is now.")


async def _issue(
    info: Info,
    given: Annotated[IssueCertificateInput, strawberry.argument(name="input", description="To whom.")],
) -> Issuance:
    id_ = info.context.open_id(NodeKind.ENROLLMENT, given.enrollment_id, "enrollmentId")
    return await certificate.issue(info.context.work, id_)


async def _revoke(
    info: Info,
    given: Annotated[RevokeCertificateInput, strawberry.argument(name="input", description="Which and why.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.CERTIFICATE, given.id, "id")
    return Written(await certificate.revoke(info.context.work, id_, given.reason, version=given.version))


async def _renew(
    info: Info,
    given: Annotated[RenewCertificateInput, strawberry.argument(name="input", description="Which.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.CERTIFICATE, given.id, "id")
    return Written(await certificate.renew(info.context.work, id_, version=given.version))


@strawberry.type
class CertificateMutation:
    issue_certificate: IssueCertificatePayload | None = mutation(
        _issue,
        "Issue the certificate of somebody who completed a course before it awarded any, dated as of then. "
        "Doing it twice changes nothing, also when it was revoked. CONFLICT for what is not completed, and "
        "where the course awards none.",
        requires=Permission.ENROLLMENT_WRITE,
    )
    renew_certificate: RenewCertificatePayload | None = mutation(
        _renew,
        "Let a certificate go on from now, for as long as its course or learning path says today and under "
        "the names of today. Its serial stays. CONFLICT when it is revoked, lasts longer or none is awarded.",
        requires=Permission.ENROLLMENT_WRITE,
    )
    revoke_certificate: RevokeCertificatePayload | None = mutation(
        _revoke,
        "Revoke a certificate for good. Doing it twice changes nothing.",
        requires=Permission.ENROLLMENT_WRITE,
    )
