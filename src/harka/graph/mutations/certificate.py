from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.certificate import Certificate
from harka.ids import NodeKind
from harka.learning import certificate
from harka.repositories.certificate import Certificate as CertificateRow
from harka.tenancy.permission import Permission


class Revoked(msgspec.Struct, frozen=True):
    certificate: CertificateRow


@graph_input
class RevokeCertificateInput(MutationInput):
    """Which certificate shall prove nothing any more."""

    id: strawberry.ID = value("The certificate.")
    reason: str = value("Why: 1 to 500 characters. The holder reads it; who verifies the serial does not.")
    version: int | None = value(
        "The version that was read; omit it to revoke whatever there is.", default=None
    )


@graph_type
class RevokeCertificatePayload(Payload):
    """The certificate that was revoked."""

    certificate: Certificate | None = leaf("The certificate as it is now.")


async def _revoke(
    info: Info,
    given: Annotated[RevokeCertificateInput, strawberry.argument(name="input", description="Which and why.")],
) -> Revoked:
    id_ = info.context.open_id(NodeKind.CERTIFICATE, given.id, "id")
    return Revoked(await certificate.revoke(info.context.work, id_, given.reason, version=given.version))


@strawberry.type
class CertificateMutation:
    revoke_certificate: RevokeCertificatePayload | None = mutation(
        _revoke,
        "Revoke a certificate for good. Doing it twice changes nothing.",
        requires=Permission.ENROLLMENT_WRITE,
    )
