from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import strawberry

from harka.errors import InvalidIdError, ValidationError
from harka.graph.atomic import Refusal, refusal
from harka.graph.context import Info, RequestContext
from harka.graph.enums import OnError, Role
from harka.graph.field import field, graph_input, graph_type, leaf, mutation, value
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.payload import MutationInput, Payload, UserError
from harka.graph.types.bulk_change import AS_JOB, BULK_CHANGE, BulkChange
from harka.graph.types.enrollment import Enrollment
from harka.graph.types.user import User
from harka.graph.types.user_list import narrowed
from harka.ids import NodeKind
from harka.learning import bulk_change, bulk_enrollment
from harka.learning.bulk_change import AT_ONCE
from harka.learning.bulk_enrollment import MOST, Fate
from harka.repositories.bulk_change import BulkChange as BulkChangeRow
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """With `bulk_change` a job enrolls them, and nothing else is known yet."""

    results: list[Fate] | None = None
    created: int | None = None
    existing: int | None = None
    failed: int | None = None
    bulk_change: BulkChangeRow | None = None


@graph_input
class PeopleFilter:
    """Who of the active people; what is omitted leaves out nobody. All of it must hold."""

    role: Role | None = value("Only people of this role; omit it for all.", default=None)
    role_id: strawberry.ID | None = value("Only people of this role of the organization's own.", default=None)
    group_id: strawberry.ID | None = value("Only people in this group, or in one below it.", default=None)
    created_from: datetime | None = value("Only who was created then or later.", default=None)
    created_before: datetime | None = value("Only who was created before then.", default=None)


@graph_input
class BulkEnrollInput(MutationInput):
    """Who shall take part in a course: `userIds`, or whoever `filter` finds."""

    course_id: strawberry.ID = value("The course. It must be published.")
    user_ids: list[strawberry.ID] | None = value(f"The people, at most {MOST:,}.", default=None)
    filter: PeopleFilter | None = value(
        f"All active people that it finds, if they are no more than {MOST:,}.", default=None
    )
    due_at: datetime | None = value("When they should be done, no later than `expiresAt`.", default=None)
    expires_at: datetime | None = value(
        "When their access ends, later than now; omit it for never.", default=None
    )
    on_error: OnError = value(
        "What becomes of the others when somebody cannot be enrolled.", default=OnError.REJECT_EVERYTHING
    )
    dry_run: bool = value("Whether to tell what would become of each, and do nothing.", default=False)
    as_job: bool = value(AS_JOB, default=False)


def _user(root: Fate, info: Info) -> Awaitable[UserRow | None] | None:
    return None if root.user_id is None else info.context.loaders.of(UserByIdLoader).want(root.user_id)


def _error(root: Fate) -> Refusal | None:
    return None if root.refused is None else refusal(root.refused)


@graph_type
class BulkEnrollResult:
    """What became of one person."""

    index: int = leaf("The place among the people asked for, from 0.")
    user: User | None = field(_user, "Who; null for nobody, or where the caller may not see them.")
    enrollment: Enrollment | None = leaf("Their enrollment; null on an error, and in a dry run.")
    created: bool = leaf("Whether it is new, or would be; false when they were enrolled already.")
    error: UserError | None = field(_error, "Why they cannot be enrolled.")


@graph_type
class BulkEnrollPayload(Payload):
    """What became of each person; or, where a job enrolls them, the change it makes."""

    results: list[BulkEnrollResult] | None = leaf("In the order asked for.")
    bulk_change: BulkChange | None = leaf(BULK_CHANGE)
    created: int | None = leaf("How many are enrolled now, or would be, and were not before.")
    existing: int | None = leaf("How many were enrolled already.")
    failed: int | None = leaf("How many cannot be enrolled.")


async def _enroll(
    info: Info,
    given: Annotated[BulkEnrollInput, strawberry.argument(name="input", description="Who, and in what.")],
) -> Enrolled:
    context = info.context
    course_id = context.open_id(NodeKind.COURSE, given.course_id, "courseId")
    people = await _people(context, given)
    if given.as_job or len(people) > AT_ONCE:
        change = await bulk_change.enroll_later(
            context.work,
            course_id,
            people,
            on_error=given.on_error,
            seal_key=context.runtime.keyring.seal,
            due_at=given.due_at,
            expires_at=given.expires_at,
            dry_run=given.dry_run,
        )
        return Enrolled(bulk_change=change)
    done = await bulk_enrollment.enroll(
        context.work,
        course_id,
        people,
        on_error=given.on_error,
        due_at=given.due_at,
        expires_at=given.expires_at,
        dry_run=given.dry_run,
    )
    fates = done.fates
    created = 0 if done.rejected else sum(fate.created for fate in fates)
    failed = len({fate.index for fate in fates if fate.refused}) or len(people) - len(fates)
    existing = 0 if done.rejected else len(people) - created - failed
    return Enrolled(results=fates, created=created, existing=existing, failed=failed)


async def _people(context: RequestContext, given: BulkEnrollInput) -> list[Any]:
    if (given.user_ids is None) == (given.filter is None):
        raise ValidationError("Give exactly one of userIds and filter.", field="userIds")
    if given.user_ids is None:
        assert given.filter is not None  # noqa: S101 - as was looked
        found = given.filter
        only = narrowed(context, found.role_id, found.group_id, found.created_from, found.created_before)
        only["role"] = found.role
        return list(await bulk_enrollment.people_matching(context.work, **only))
    # before anything is opened: no work on a million that are refused anyway
    bulk_change.require_few(given.user_ids, "userIds")
    return [_opened(context, id_) for id_ in given.user_ids]


def _opened(context: RequestContext, id_: str) -> Any:
    try:
        return context.open_id(NodeKind.USER, id_, "userIds")
    except InvalidIdError as error:
        return error


@strawberry.type
class BulkEnrollmentMutation:
    bulk_enroll: BulkEnrollPayload | None = mutation(
        _enroll,
        f"Enroll many people in a course: up to {AT_ONCE:,} in one transaction, more by a job, answered with "
        "its `bulkChange`. Who is enrolled already stays so; who withdrew starts anew; where access has "
        "ended it goes on, with the `dueAt` and `expiresAt` given now.",
        requires=Permission.ENROLLMENT_WRITE,
    )
