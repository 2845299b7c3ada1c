"""What has happened in a tenant: written with the change, never changed, read in an order to rely on.

A reader goes on after (transaction, id). It is shown the events of those transactions alone that are older
than every transaction still under way: later nothing can come in between, whoever commits last.
"""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import Key, Order, Position, pages
from harka.storage.session import ShardSession
from harka.storage.statement import Statement

IN_LINE: Final = Order("xid")


class EventOrder(enum.StrEnum):
    SEQUENCE = "xid"


class EventType(enum.StrEnum):
    """What can happen. The values are stored, and told to receivers: never rename one."""

    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_DEACTIVATED = "user.deactivated"
    USER_REACTIVATED = "user.reactivated"
    USER_PASSWORD_RESET = "user.password_reset"  # noqa: S105 - no password
    COURSE_CREATED = "course.created"
    COURSE_UPDATED = "course.updated"
    COURSE_PUBLISHED = "course.published"
    COURSE_ARCHIVED = "course.archived"
    ENROLLMENT_CREATED = "enrollment.created"
    ENROLLMENT_UPDATED = "enrollment.updated"
    ENROLLMENT_WITHDRAWN = "enrollment.withdrawn"
    ENROLLMENT_COMPLETED = "enrollment.completed"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_RENEWED = "certificate.renewed"
    SUBMISSION_SUBMITTED = "submission.submitted"
    SUBMISSION_GRADED = "submission.graded"
    GROUP_CREATED = "group.created"
    GROUP_UPDATED = "group.updated"
    GROUP_DELETED = "group.deleted"
    GROUP_MEMBER_ADDED = "group.member_added"
    GROUP_MEMBER_REMOVED = "group.member_removed"
    GROUP_MANAGER_ASSIGNED = "group.manager_assigned"
    GROUP_MANAGER_UNASSIGNED = "group.manager_unassigned"
    ROLE_CREATED = "role.created"
    ROLE_UPDATED = "role.updated"
    ROLE_DELETED = "role.deleted"
    INVITATION_CREATED = "invitation.created"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_REVOKED = "invitation.revoked"
    MODULE_CREATED = "module.created"
    MODULE_UPDATED = "module.updated"
    MODULE_DELETED = "module.deleted"
    LESSON_CREATED = "lesson.created"
    LESSON_UPDATED = "lesson.updated"
    LESSON_DELETED = "lesson.deleted"
    QUIZ_CREATED = "quiz.created"
    QUIZ_UPDATED = "quiz.updated"
    QUIZ_DELETED = "quiz.deleted"
    QUIZ_ATTEMPT_SUBMITTED = "quiz_attempt.submitted"
    ASSIGNMENT_CREATED = "assignment.created"
    ASSIGNMENT_UPDATED = "assignment.updated"
    ASSIGNMENT_DELETED = "assignment.deleted"
    CATEGORY_CREATED = "category.created"
    CATEGORY_UPDATED = "category.updated"
    CATEGORY_DELETED = "category.deleted"
    TAG_CREATED = "tag.created"
    TAG_UPDATED = "tag.updated"
    TAG_DELETED = "tag.deleted"
    LEARNING_PATH_CREATED = "learning_path.created"
    LEARNING_PATH_UPDATED = "learning_path.updated"
    LEARNING_PATH_PUBLISHED = "learning_path.published"
    LEARNING_PATH_ARCHIVED = "learning_path.archived"
    LEARNING_PATH_ENROLLMENT_CREATED = "learning_path_enrollment.created"
    LEARNING_PATH_ENROLLMENT_WITHDRAWN = "learning_path_enrollment.withdrawn"
    LEARNING_PATH_ENROLLMENT_COMPLETED = "learning_path_enrollment.completed"
    BRANDING_PUBLISHED = "branding.published"
    FILE_UPLOADED = "file.uploaded"
    FILE_DELETED = "file.deleted"
    BULK_OPERATION_FINISHED = "bulk_operation.finished"
    BULK_CHANGE_FINISHED = "bulk_change.finished"


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """As of `Event`. `fields`: what of the object was changed, in the schema's words, with commas between."""

    id: UUID
    type: str
    subject_id: UUID
    user_id: UUID | None = None
    course_id: UUID | None = None
    fields: str = ""


class Event(msgspec.Struct, frozen=True):
    """`type`: an `EventType`. `subject_id`: of the object that its first word names.

    `actor_kind`, `actor_id`: as of a `tenancy.context.Actor`. `user_id`, `course_id`: whom and what it
    concerns, where that is not the object itself.
    """

    id: UUID
    xid: int
    type: str
    subject_id: UUID
    actor_kind: str
    actor_id: UUID | None
    user_id: UUID | None
    course_id: UUID | None
    fields: list[str]
    created_at: datetime


_COLUMNS: Final = "id, xid, type, subject_id, actor_kind, actor_id, user_id, course_id, fields, created_at"
_SETTLED: Final = "xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

# What a transaction has done, in one statement however much: the last before its commit.
INSERT = Statement(
    "event.insert",
    """INSERT INTO {schema}.event
      (tenant_id, id, type, subject_id, user_id, course_id, fields, actor_kind, actor_id)
    SELECT $1::uuid, entry.id, entry.type, entry.subject_id, entry.user_id, entry.course_id,
      string_to_array(entry.fields, ','), $8::text, $9::uuid
    FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[])
      AS entry (id, type, subject_id, user_id, course_id, fields)""",
)

# Events by id, those that are in the line.
FIND_BY_IDS = Statement(
    "event.find_by_ids",
    f"SELECT {_COLUMNS} FROM {{schema}}.event WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND {_SETTLED}",  # noqa: S608 - constants
)

# One page of events, of some types or of all, in the order of the line, from either end.
PAGES = pages(
    "event.page",
    f"""SELECT {_COLUMNS} FROM {{schema}}.event
    WHERE tenant_id = $1 AND {_SETTLED} AND ($3::text[] IS NULL OR type = ANY($3)) {{after}}
    ORDER BY {{order}} LIMIT $2""",  # noqa: S608 - constants
    {EventOrder.SEQUENCE: Key("xid", "bigint")},
    position=4,
)

# How many there are.
COUNT = Statement(
    "event.count",
    f"""SELECT count(*) FROM {{schema}}.event
    WHERE tenant_id = $1 AND {_SETTLED} AND ($2::text[] IS NULL OR type = ANY($2))""",  # noqa: S608 - constants
)

# Forget those made before an id, so many at a time: ids begin with the moment they were made. How far that
# is, by type, is kept with it; and which endpoints were to be told something of it, or still are.
DELETE_OLD = Statement(
    "event.delete_old",
    """WITH gone AS (
      DELETE FROM {schema}.event WHERE tenant_id = $1 AND id = ANY(ARRAY(
        SELECT id FROM {schema}.event WHERE tenant_id = $1 AND id < $2::uuid ORDER BY id LIMIT $3::int))
      RETURNING type, xid, id
    ), furthest AS (
      SELECT DISTINCT ON (type) type, xid, id FROM gone ORDER BY type, xid DESC, id DESC
    ), kept AS (
      INSERT INTO {schema}.event_horizon AS h (tenant_id, type, xid, id)
      SELECT $1::uuid, type, xid, id FROM furthest
      ON CONFLICT (tenant_id, type) DO UPDATE SET xid = excluded.xid, id = excluded.id
        WHERE (h.xid, h.id) < (excluded.xid, excluded.id)
    ), lost AS (
      UPDATE {schema}.webhook_endpoint e SET events_lost_at = now(), updated_at = now(), version = version + 1
      WHERE e.tenant_id = $1 AND e.events_lost_at IS NULL AND (EXISTS (
        SELECT FROM furthest f WHERE (f.xid, f.id) > (e.cursor_xid, e.cursor_id)
          AND (cardinality(e.types) = 0 OR f.type = ANY(e.types)))
        OR EXISTS (
        SELECT FROM gone g JOIN {schema}.webhook_delivery d ON d.tenant_id = $1 AND d.event_id = g.id
        WHERE d.endpoint_id = e.id AND d.state = 'pending'))
    )
    SELECT count(*) FROM gone""",
)

# Whether something of some types, or of any, is gone that came after a place in the line.
IS_GONE = Statement(
    "event.is_gone",
    """SELECT EXISTS (SELECT FROM {schema}.event_horizon
      WHERE tenant_id = $1 AND (xid, id) > ($2::bigint, $3::uuid)
        AND ($4::text[] IS NULL OR type = ANY($4))) AS is_gone""",
)


async def insert_last(
    session: ShardSession, new: Sequence[NewEvent], *, actor_kind: str, actor_id: UUID | None
) -> None:
    """What this transaction did, as its last statement: the commit goes with it."""
    columns = [[getattr(each, name) for each in new] for name in NewEvent.__struct_fields__]
    await session.execute_last(INSERT, *columns, actor_kind, actor_id)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Event]:
    """In no particular order."""
    return await session.fetch_rows(Event, FIND_BY_IDS, ids)


async def list_page(
    session: ShardSession,
    *,
    after: Position | None,
    first: int,
    types: Sequence[str] | None,
    order: Order = IN_LINE,
) -> Sequence[Event]:
    """`types`: None for all, here and below."""
    return await session.fetch_rows(Event, PAGES[order].of(after), first, types, *(after or ()))


async def count(session: ShardSession, *, types: Sequence[str] | None) -> int:
    return int(await session.fetch_value(COUNT, types))


async def delete_old(session: ShardSession, before: UUID, *, most: int) -> int:
    """How many were made before the id `before` and are gone now, `most` at the most."""
    return int(await session.fetch_value(DELETE_OLD, before, most))


async def is_gone(session: ShardSession, after: Position, *, types: Sequence[str] | None) -> bool:
    """Whether something that came after this place was there, and is forgotten."""
    return bool(await session.fetch_value(IS_GONE, *after, types))
