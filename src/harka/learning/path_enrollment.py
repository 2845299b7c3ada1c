"""Who is on which learning path."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import path_progress, visibility
from harka.learning.path import no_path
from harka.learning.work import UnitOfWork
from harka.repositories import path as paths
from harka.repositories import path_enrollment as path_enrollments
from harka.repositories import path_enrollment_list as lists
from harka.repositories import user as users
from harka.repositories.enrollment import EnrollmentStatus
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.path import PathStatus
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.path_enrollment_list import ALL, PathEnrollmentFilter
from harka.repositories.scope import Scope
from harka.repositories.user import UserStatus
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission


class PathEnrolled(msgspec.Struct, frozen=True):
    """`created`: False when the user was on the path already. `opened`: courses they were enrolled in."""

    enrollment: PathEnrollment
    created: bool
    opened: int


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[PathEnrollment]:
    """By id, those the reader may see: like enrollments."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await path_enrollments.find_visible(work.session, scope, ids))


async def list_page(
    work: UnitOfWork,
    only: PathEnrollmentFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[PathEnrollment]:
    """The next `first` that match and that the reader may see, in that order."""
    scope = visibility.of_enrollments(work.context)
    if _is_hidden(scope, only.user_id):
        return []
    shown = _shown(scope, only)
    return await lists.list_page(work.session, scope, shown, after=after, first=first, order=order)


async def count(work: UnitOfWork, only: PathEnrollmentFilter = ALL) -> int:
    scope = visibility.of_enrollments(work.context)
    if _is_hidden(scope, only.user_id):
        return 0
    return await lists.count(work.session, scope, _shown(scope, only))


async def enroll(work: UnitOfWork, *, path_id: UUID, user_id: UUID) -> PathEnrolled:
    """Put a user on a path and enroll them in what is open to them there, or find that they are.

    Courses that they have completed before count. What is closed or full is left out; asking again tries
    again. Raise `NotFoundError` for an unknown user or path, `ValidationError` for a path that is not
    published or a user who is not active.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    statuses = await users.statuses(work.session, visibility.to_change(work.context), [user_id])
    if user_id not in statuses:
        raise NotFoundError("There is no such user here.", field="userId")
    if statuses[user_id] != UserStatus.ACTIVE:
        raise ValidationError("Only an active user can be enrolled.", field="userId")
    status = await paths.lock_status(work.session, path_id)
    if status is None:
        raise no_path("learningPathId")
    if status != PathStatus.PUBLISHED:
        raise ValidationError("Only a published learning path accepts enrollments.", field="learningPathId")
    # what they are about to complete is waited for, else neither would see the other
    await path_enrollments.lock_people(work.session, [user_id])
    row = _row(path_id, user_id)
    found = await path_enrollments.insert(work.session, row)
    if found.id == row.id:
        work.record(EventType.LEARNING_PATH_ENROLLMENT_CREATED, found.id, user_id=user_id)
    recounted = await path_progress.recalculate(work, [found.id])
    opened = await path_progress.unlock(work, [found.id])
    return PathEnrolled(recounted[0] if recounted else found, created=found.id == row.id, opened=opened)


async def withdraw(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> PathEnrollment:
    """Take somebody off a path; they stay in its courses. Nothing changes when they are off it already.

    `version`: None for whichever there is. Raise `NotFoundError`, and `ConflictError` for who has completed
    it and for another version.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    scope = visibility.to_change(work.context)
    withdrawn = await path_enrollments.withdraw(work.session, scope, id_, version=version)
    if withdrawn is not None:
        work.record(EventType.LEARNING_PATH_ENROLLMENT_WITHDRAWN, id_, user_id=withdrawn.user_id)
        return withdrawn
    found = await path_enrollments.find_visible(work.session, scope, [id_])
    if not found:
        raise NotFoundError("There is no such enrollment here.", field="id")
    if found[0].status == EnrollmentStatus.COMPLETED:
        raise ConflictError("A completed learning path stays.")
    if version is not None and found[0].version != version:
        raise ConflictError
    return found[0]


async def pages_by_user(
    work: UnitOfWork,
    user_ids: Sequence[UUID],
    only: PathEnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[PathEnrollment]:
    """The first `first` of each user, in the order; users without any to see are left out."""
    scope = visibility.of_enrollments(work.context)
    asked = [id_ for id_ in user_ids if not _is_hidden(scope, id_)]
    if not asked:
        return Grouped([], "user_id")
    found = await lists.first_of_users(work.session, scope, asked, only, first=first, order=order)
    return Grouped(found, "user_id")


async def pages_by_path(
    work: UnitOfWork,
    path_ids: Sequence[UUID],
    only: PathEnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[PathEnrollment]:
    """The first `first` on each path that the reader may see, in the order; empty ones are left out."""
    scope = visibility.of_enrollments(work.context)
    own = _own(scope)
    if own is not None:
        found = await lists.of_user_on_paths(work.session, own, path_ids, only, order=order)
    else:
        found = await lists.first_of_paths(work.session, scope, path_ids, only, first=first, order=order)
    return Grouped(found, "path_id", first=first)


async def count_by_user(
    work: UnitOfWork, user_ids: Sequence[UUID], only: PathEnrollmentFilter = ALL
) -> dict[UUID, int]:
    """Users without any to see are left out."""
    scope = visibility.of_enrollments(work.context)
    asked = [id_ for id_ in user_ids if not _is_hidden(scope, id_)]
    return await lists.count_of_users(work.session, scope, asked, only) if asked else {}


async def count_by_path(
    work: UnitOfWork, path_ids: Sequence[UUID], only: PathEnrollmentFilter = ALL
) -> dict[UUID, int]:
    """How many the reader may see; paths without any are left out."""
    scope = visibility.of_enrollments(work.context)
    own = _own(scope)
    if own is None:
        return await lists.count_of_paths(work.session, scope, path_ids, only)
    found = await lists.of_user_on_paths(work.session, own, path_ids, only)
    return dict(Counter(each.path_id for each in found))


def _own(scope: Scope) -> UUID | None:
    """Whose the reader sees, who sees nobody else's."""
    return None if scope.everything or scope.manager is not None else scope.user


def _is_hidden(scope: Scope, user_id: UUID | None) -> bool:
    """Whether one asks for somebody else's without being allowed to."""
    return not scope.everything and scope.manager is None and user_id not in (None, scope.user)


def _shown(scope: Scope, only: PathEnrollmentFilter) -> PathEnrollmentFilter:
    """Of those whom the reader sees: their own, where these are all."""
    return only if _own(scope) is None else msgspec.structs.replace(only, user_id=scope.user)


def _row(path_id: UUID, user_id: UUID) -> PathEnrollment:
    now = clock.now()
    return PathEnrollment(
        id=new_id(),
        path_id=path_id,
        user_id=user_id,
        status=str(EnrollmentStatus.ACTIVE),
        progress=0.0,
        completed_at=None,
        withdrawn_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
