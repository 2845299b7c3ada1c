"""Certificates prove completions: to anybody who was given the serial, and to nobody else."""

import enum
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypedDict, Unpack
from uuid import UUID

import msgspec

from harka.errors import ConflictError, NotFoundError
from harka.learning import path_progress, visibility
from harka.learning.moment import has_passed
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import certificate as certificates
from harka.repositories import certificate_list as lists
from harka.repositories import enrollment as enrollments
from harka.repositories.certificate import Certificate
from harka.repositories.certificate_list import ALL, CertificateFilter
from harka.repositories.enrollment import EnrollmentStatus
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scope import Scope
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission

LONGEST_REASON: Final = 500
RENEWED_WITHIN: Final = 30
"""Days before its end from which on a certificate can be renewed."""
_SERIAL: Final = re.compile("[0-9a-f]{32}")


class Only(TypedDict, total=False):
    """As of `CertificateFilter`."""

    state: str | None
    user_id: UUID | None
    course_id: UUID | None
    path_id: UUID | None
    issued_from: datetime | None
    issued_before: datetime | None
    expires_from: datetime | None
    expires_before: datetime | None


class Issuance(msgspec.Struct, frozen=True):
    """`created`: False for one that there was."""

    certificate: Certificate
    created: bool


class CertificateState(enum.StrEnum):
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


def state_of(certificate: Certificate) -> CertificateState:
    if certificate.revoked_at is not None:
        return CertificateState.REVOKED
    return CertificateState.EXPIRED if has_passed(certificate.expires_at) else CertificateState.VALID


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Certificate]:
    """By id, those the reader may see: like enrollments."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await certificates.find_visible(work.session, scope, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    **only: Unpack[Only],
) -> Sequence[Certificate]:
    """The next `first` that match and that the reader may see, in that order."""
    scope, shown = _shown(work, only)
    if shown is None:
        return []
    return await lists.list_page(work.session, scope, shown, after=after, first=first, order=order)


async def count(work: UnitOfWork, **only: Unpack[Only]) -> int:
    """How many match that the reader may see."""
    scope, shown = _shown(work, only)
    return 0 if shown is None else await lists.count(work.session, scope, shown)


async def by_enrollment(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> ByKey[Certificate]:
    """Those the reader may see; enrollments without one are left out."""
    scope = visibility.of_enrollments(work.context)
    found = await certificates.find_by_enrollments(work.session, scope, enrollment_ids)
    return ByKey(found, "enrollment_id")


async def by_path_enrollment(work: UnitOfWork, enrollment_ids: Sequence[UUID]) -> ByKey[Certificate]:
    """Like `by_enrollment`, of enrollments on paths."""
    scope = visibility.of_enrollments(work.context)
    found = await certificates.find_by_path_enrollments(work.session, scope, enrollment_ids)
    return ByKey(found, "path_enrollment_id")


async def pages_by_user(
    work: UnitOfWork,
    user_ids: Sequence[UUID],
    only: CertificateFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[Certificate]:
    """The first `first` of each user, in the order; users without any to see are left out."""
    scope = visibility.of_enrollments(work.context)
    asked = _asked(scope, user_ids)
    if not asked:
        return Grouped([], "user_id")
    found = await lists.first_of_users(work.session, scope, asked, only, first=first, order=order)
    return Grouped(found, "user_id")


async def count_by_user(
    work: UnitOfWork, user_ids: Sequence[UUID], only: CertificateFilter = ALL
) -> dict[UUID, int]:
    """Users without any to see are left out."""
    scope = visibility.of_enrollments(work.context)
    asked = _asked(scope, user_ids)
    return await lists.count_of_users(work.session, scope, asked, only) if asked else {}


async def verify(work: UnitOfWork, serial: str) -> Certificate | None:
    """For anybody, without a permission: the serial is the secret."""
    if not _SERIAL.fullmatch(serial):
        return None
    return await certificates.find_by_serial(work.session, serial)


async def issue(work: UnitOfWork, enrollment_id: UUID) -> Issuance:
    """To who completed a course before it awarded certificates, dated as of then; what there is stays.

    Raise `NotFoundError`; `ConflictError` for an enrollment that is not completed, and where the course
    awards no certificate.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    scope = visibility.to_change(work.context)
    held = await enrollments.lock(work.session, scope, [enrollment_id])
    if not held:
        raise NotFoundError("There is no such enrollment here.", field="enrollmentId")
    if held[0].status != EnrollmentStatus.COMPLETED:
        raise ConflictError("This enrollment is not completed.", field="enrollmentId")
    issued = await certificates.issue_many(work.session, [enrollment_id])
    await path_progress.tell_issued(work, issued)
    found = await certificates.find_by_enrollments(work.session, scope, [enrollment_id])
    if not found:
        raise ConflictError("This course awards no certificate.", field="enrollmentId")
    return Issuance(found[0], created=bool(issued))


async def revoke(work: UnitOfWork, id_: UUID, reason: str, *, version: int | None = None) -> Certificate:
    """It stays to be seen, as revoked, for good. Nothing changes when it is revoked already.

    Raise `ValidationError`, `NotFoundError`, and `ConflictError` for another version.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    accepted = accept_line(reason, "reason", longest=LONGEST_REASON)
    scope = visibility.to_change(work.context)
    revoked = await certificates.revoke(work.session, scope, id_, version, accepted)
    if revoked is not None:
        work.invalidate("certificate")
        _record(work, EventType.CERTIFICATE_REVOKED, revoked)
        return revoked
    found = await certificates.find_visible(work.session, scope, [id_])
    if not found:
        raise NotFoundError("There is no such certificate here.")
    if version is not None and found[0].version != version:
        raise ConflictError
    return found[0]


async def renew(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Certificate:
    """It goes on from now for as long as its course or path says today, under the same serial.

    Raise `NotFoundError`, and `ConflictError` for another version, for one that is revoked or does not end
    within `RENEWED_WITHIN` days, and where certificates are not awarded any more.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    scope = visibility.to_change(work.context)
    renewed = await certificates.renew(work.session, scope, id_, version, within_days=RENEWED_WITHIN)
    if renewed is not None:
        work.invalidate("certificate")
        _record(work, EventType.CERTIFICATE_RENEWED, renewed)
        return renewed
    found = await certificates.find_visible(work.session, scope, [id_])
    if not found:
        raise NotFoundError("There is no such certificate here.")
    if version is not None and found[0].version != version:
        raise ConflictError
    if found[0].revoked_at is not None:
        raise ConflictError("A revoked certificate stays revoked.")
    ends = found[0].expires_at
    if ends is None or not has_passed(ends - timedelta(days=RENEWED_WITHIN)):
        raise ConflictError(f"This certificate does not end within {RENEWED_WITHIN} days.")
    raise ConflictError("What was completed awards no certificate any more.")


def _shown(work: UnitOfWork, only: Only) -> tuple[Scope, CertificateFilter | None]:
    """What the reader is shown of what they asked for; None for nothing: they see their own alone."""
    scope, asked = visibility.of_enrollments(work.context), CertificateFilter(**only)
    if scope.everything or scope.manager is not None:
        return scope, asked
    if scope.user is None or asked.user_id not in (None, scope.user):
        return scope, None
    return scope, msgspec.structs.replace(asked, user_id=scope.user)


def _asked(scope: Scope, user_ids: Sequence[UUID]) -> list[UUID]:
    """Whose to look for: of a manager's groups, only the statement knows the people."""
    anybody = scope.everything or scope.manager is not None
    return [id_ for id_ in user_ids if anybody or id_ == scope.user]


def _record(work: UnitOfWork, type_: EventType, of: Certificate) -> None:
    work.record(type_, of.id, user_id=of.user_id, course_id=of.course_id)
