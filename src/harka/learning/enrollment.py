from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.errors import ConflictError, CourseFullError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import path_opening, seat, visibility
from harka.learning.batch import batches
from harka.learning.moment import accept_moment, accept_past, has_passed
from harka.learning.work import UnitOfWork
from harka.repositories import course as courses
from harka.repositories import enrollment as enrollments
from harka.repositories import enrollment_list as lists
from harka.repositories import user as users
from harka.repositories.course import CourseStatus
from harka.repositories.enrollment import Enrollment, EnrollmentStatus
from harka.repositories.enrollment_list import ALL, EnrollmentFilter
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scope import Scope
from harka.repositories.user import UserStatus
from harka.rows import ByKey, Grouped
from harka.tenancy.permission import Permission


class EnrollmentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`enrolled_at`: None for now."""

    user_id: UUID
    course_id: UUID
    enrolled_at: datetime | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None


class EnrollmentChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is; None is never."""

    due_at: datetime | UnsetType | None = UNSET
    expires_at: datetime | UnsetType | None = UNSET


class WithdrawalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`withdrawn_at`: None for now."""

    enrollment_id: UUID
    withdrawn_at: datetime | None = None


class Enrolled(msgspec.Struct, frozen=True):
    """`created`: False when the user was enrolled already."""

    enrollment: Enrollment
    created: bool


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Enrollment]:
    """By id, those the reader may see."""
    scope = visibility.of_enrollments(work.context)
    return ByKey(await enrollments.find_visible(work.session, scope, ids))


async def list_page(
    work: UnitOfWork,
    only: EnrollmentFilter = ALL,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[Enrollment]:
    """The next `first` that match and that the reader may see, in the order."""
    scope = visibility.of_enrollments(work.context)
    if _is_hidden(scope, only.user_id):
        return []
    shown = _shown(scope, only)
    return await lists.list_page(work.session, scope, shown, after=after, first=first, order=order)


async def count(work: UnitOfWork, only: EnrollmentFilter = ALL) -> int:
    """How many match that the reader may see."""
    scope = visibility.of_enrollments(work.context)
    if _is_hidden(scope, only.user_id):
        return 0
    return await lists.count(work.session, scope, _shown(scope, only))


async def pages_by_user(
    work: UnitOfWork,
    user_ids: Sequence[UUID],
    only: EnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[Enrollment]:
    """The first `first` of each user, in the order; users without any to see are left out."""
    scope = visibility.of_enrollments(work.context)
    asked = _visible_users(scope, user_ids)
    if not asked:
        return Grouped([], "user_id")
    found = await lists.first_of_users(work.session, scope, asked, only, first=first, order=order)
    return Grouped(found, "user_id")


async def pages_by_course(
    work: UnitOfWork,
    course_ids: Sequence[UUID],
    only: EnrollmentFilter = ALL,
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Grouped[Enrollment]:
    """The first `first` of each course that the reader may see, in the order; empty ones are left out."""
    scope = visibility.of_enrollments(work.context)
    if scope.user is not None and _is_own(scope):
        found = await lists.of_user_in_courses(work.session, scope.user, course_ids, only, order=order)
    else:
        found = await lists.first_of_courses(work.session, scope, course_ids, only, first=first, order=order)
    return Grouped(found, "course_id", first=first)


async def count_by_user(
    work: UnitOfWork, user_ids: Sequence[UUID], only: EnrollmentFilter = ALL
) -> dict[UUID, int]:
    """Users without any to see are left out."""
    scope = visibility.of_enrollments(work.context)
    asked = _visible_users(scope, user_ids)
    return await lists.count_of_users(work.session, scope, asked, only) if asked else {}


async def count_by_course(
    work: UnitOfWork, course_ids: Sequence[UUID], only: EnrollmentFilter = ALL
) -> dict[UUID, int]:
    """How many the reader may see; courses without any are left out."""
    scope = visibility.of_enrollments(work.context)
    if scope.user is None or not _is_own(scope):
        return await lists.count_of_courses(work.session, scope, course_ids, only)
    own = await lists.of_user_in_courses(work.session, scope.user, course_ids, only)
    return {course_id: len(mine) for course_id, mine in Grouped(own, "course_id").items()}


async def enroll(
    work: UnitOfWork,
    *,
    user_id: UUID,
    course_id: UUID,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Enrolled:
    """Enroll a user, or find that they are. Who withdrew starts anew.

    Where their access has ended it goes on, until the moments given now, like a new enrollment's.
    Raise `NotFoundError` for an unknown user or course, `ValidationError` for a course that is not published,
    a user who is not active or dates as in `require_term`, `CourseFullError`.
    """
    require_term(due_at, expires_at)
    entry = EnrollmentEntry(user_id=user_id, course_id=course_id, due_at=due_at, expires_at=expires_at)
    found, created = (await _enroll(work, [entry]))[user_id, course_id]
    return Enrolled(found, created)


async def enroll_many(work: UnitOfWork, entries: Sequence[EnrollmentEntry]) -> list[Enrollment]:
    """Like `enroll`, in input order and in as many statements as for one. Any dates: it takes in what was."""
    done = await _enroll(work, entries)
    return [done[entry.user_id, entry.course_id][0] for entry in entries]


async def update(
    work: UnitOfWork, id_: UUID, changes: EnrollmentChanges, *, version: int | None = None
) -> Enrollment:
    """Change what `changes` names. `version`: None for whichever there is.

    Access may end now, or have ended, and before the due date that there is; only a due date that is given
    must be within it. Raise `ConflictError` when it has changed since, or is withdrawn; `ValidationError`,
    and then undo the unit; `NotFoundError`.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    changed = await enrollments.update(
        work.session,
        visibility.to_change(work.context),
        id_,
        version,
        due_at=_accept(changes.due_at, "dueAt"),
        expires_at=_accept(changes.expires_at, "expiresAt"),
    )
    if changed is not None:
        if isinstance(changes.due_at, datetime):
            _require_within(changed.due_at, changed.expires_at)
        given = msgspec.structs.asdict(changes)
        fields = [name for name, value in given.items() if value is not UNSET]
        _record(work, EventType.ENROLLMENT_UPDATED, [changed], fields=fields)
        return changed
    found = await _require(work, id_)
    if found.status == EnrollmentStatus.WITHDRAWN:
        raise ConflictError("A withdrawn enrollment cannot be changed.")
    raise ConflictError


async def unenroll(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Enrollment:
    """Withdraw an enrollment; nothing changes when it is withdrawn already.

    `version`: None for whichever there is. Raise `NotFoundError`, and `ConflictError` for a completed one and
    for another version.
    """
    work.context.require(Permission.ENROLLMENT_WRITE)
    scope = visibility.to_change(work.context)
    if version is not None:
        held = await enrollments.lock(work.session, scope, [id_])
        if held and held[0].version != version:
            raise ConflictError
    withdrawn = await withdraw_many(work, scope, {id_: clock.now()})
    if withdrawn:
        return withdrawn[0]
    found = await _require(work, id_)
    if found.status == EnrollmentStatus.COMPLETED:
        raise ConflictError("A completed enrollment stays.")
    return found


async def unenroll_many(work: UnitOfWork, entries: Sequence[WithdrawalEntry]) -> int:
    """How many were withdrawn: not those that are completed, withdrawn or unknown."""
    work.context.require(Permission.ENROLLMENT_WRITE)
    moments = {entry.enrollment_id: accept_past(entry.withdrawn_at, "withdrawnAt") for entry in entries}
    scope, done = visibility.to_change(work.context), 0
    for batch in batches(sorted(moments)):
        await enrollments.lock(work.session, scope, batch)
        at = {id_: moments[id_] for id_ in batch}
        done += len(await withdraw_many(work, scope, at))
    return done


async def _require(work: UnitOfWork, id_: UUID) -> Enrollment:
    found = await enrollments.find_visible(work.session, visibility.to_change(work.context), [id_])
    if not found:
        raise NotFoundError("There is no such enrollment here.")
    return found[0]


async def _enroll(
    work: UnitOfWork, entries: Sequence[EnrollmentEntry]
) -> dict[tuple[UUID, UUID], tuple[Enrollment, bool]]:
    """By (user, course): the current enrollment, and whether it is new."""
    work.context.require(Permission.ENROLLMENT_WRITE)
    wanted = {(entry.user_id, entry.course_id): entry for entry in reversed(entries)}
    done: dict[tuple[UUID, UUID], tuple[Enrollment, bool]] = {}
    seats = await require_published(work, {entry.course_id for entry in entries})
    if await seat.without_seat(work, seats, wanted):
        raise CourseFullError(field="courseId")
    # in one order everywhere: two writers of the same pairs must not wait for each other
    for batch in batches(sorted(wanted)):
        rows = [
            row_of(*pair, enrolled_at=each.enrolled_at, due_at=each.due_at, expires_at=each.expires_at)
            for pair, each in ((pair, wanted[pair]) for pair in batch)
        ]
        await _require_active(work, {row.user_id for row in rows})
        made = {row.id for row in rows}
        for found in await insert_many(work, rows):
            done[found.user_id, found.course_id] = found, found.id in made
    return done


async def insert_many(work: UnitOfWork, rows: Sequence[Enrollment]) -> list[Enrollment]:
    """Of people who may take part: the current ones, others than `rows` for who is enrolled already."""
    found = await enrollments.insert_many(work.session, rows)
    made = {row.id for row in rows}
    _record(work, EventType.ENROLLMENT_CREATED, [each for each in found if each.id in made])
    return found


async def withdraw_many(work: UnitOfWork, scope: Scope, at: Mapping[UUID, datetime]) -> Sequence[Enrollment]:
    """Those that are active, and whose people the writer reaches; when, by id. Answers what they are now."""
    withdrawn = await enrollments.withdraw_many(work.session, scope, at)
    _record(work, EventType.ENROLLMENT_WITHDRAWN, withdrawn)
    await path_opening.of_seats(work, {each.course_id for each in withdrawn})
    return withdrawn


def _record(
    work: UnitOfWork, type_: EventType, changed: Sequence[Enrollment], *, fields: Sequence[str] = ()
) -> None:
    for each in changed:
        work.record(type_, each.id, user_id=each.user_id, course_id=each.course_id, fields=fields)


async def _require_active(work: UnitOfWork, user_ids: Collection[UUID]) -> None:
    of_users = await users.statuses(work.session, visibility.to_change(work.context), list(user_ids))
    if len(of_users) < len(user_ids):
        raise NotFoundError("There is no such user here.", field="userId")
    if set(of_users.values()) - {UserStatus.ACTIVE}:
        raise ValidationError("Only an active user can be enrolled.", field="userId")


async def require_published(work: UnitOfWork, course_ids: Collection[UUID]) -> dict[UUID, int | None]:
    """Raise unless every course is published. It stays so, with as many seats, until the commit."""
    found = await courses.lock_status(work.session, list(course_ids))
    if len(found) < len(course_ids):
        raise NotFoundError("There is no such course here.", field="courseId")
    if {each.status for each in found} - {CourseStatus.PUBLISHED}:
        raise ValidationError("Only a published course accepts enrollments.", field="courseId")
    return {each.id: each.seats for each in found}


def require_term(due_at: datetime | None, expires_at: datetime | None) -> None:
    """Raise `ValidationError` for access that would be over already, or before the due date."""
    if expires_at is not None and has_passed(accept_moment(expires_at, "expiresAt")):
        raise ValidationError("Access must end later than now.", field="expiresAt")
    _require_within(None if due_at is None else accept_moment(due_at, "dueAt"), expires_at)


def _require_within(due_at: datetime | None, expires_at: datetime | None) -> None:
    if due_at is not None and expires_at is not None and due_at > expires_at:
        raise ValidationError("This is after their access ends.", field="dueAt")


def row_of(
    user_id: UUID,
    course_id: UUID,
    *,
    enrolled_at: datetime | None = None,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Enrollment:
    """A new enrollment. `enrolled_at`: None for now. Raise `ValidationError` for impossible moments."""
    now = clock.now()
    return Enrollment(
        id=new_id(),
        user_id=user_id,
        course_id=course_id,
        status=str(EnrollmentStatus.ACTIVE),
        progress=0.0,
        enrolled_at=accept_past(enrolled_at, "enrolledAt"),
        completed_at=None,
        withdrawn_at=None,
        due_at=None if due_at is None else accept_moment(due_at, "dueAt"),
        expires_at=None if expires_at is None else accept_moment(expires_at, "expiresAt"),
        created_at=now,
        updated_at=now,
        version=1,
    )


def _accept(moment: datetime | UnsetType | None, field: str) -> datetime | UnsetType | None:
    return accept_moment(moment, field) if isinstance(moment, datetime) else moment


def _is_own(scope: Scope) -> bool:
    """Whether one sees nobody else's."""
    return not scope.everything and scope.manager is None


def _shown(scope: Scope, only: EnrollmentFilter) -> EnrollmentFilter:
    """What to look for, of what was asked for: who sees nobody else's, their own."""
    return msgspec.structs.replace(only, user_id=scope.user) if _is_own(scope) else only


def _is_hidden(scope: Scope, user_id: UUID | None) -> bool:
    """Whether one asks for somebody else's without being allowed to; of a manager the statement tells."""
    return _is_own(scope) and user_id is not None and user_id != scope.user


def _visible_users(scope: Scope, user_ids: Sequence[UUID]) -> list[UUID]:
    return [id_ for id_ in user_ids if not _is_hidden(scope, id_)]
