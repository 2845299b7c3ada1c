from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, managed, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Certificate(msgspec.Struct, frozen=True):
    """Of an enrollment in a course, or of one on a path; `title`: of which. What is not the case is None.

    `serial`: 32 hexadecimal digits that nobody can guess. The names are those of the day it was issued,
    or last renewed.
    """

    id: UUID
    user_id: UUID
    course_id: UUID | None
    enrollment_id: UUID | None
    path_id: UUID | None
    path_enrollment_id: UUID | None
    serial: str
    holder_name: str
    title: str
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class Issued(msgspec.Struct, frozen=True):
    """What was issued now. `course_id`: None of a path."""

    id: UUID
    user_id: UUID
    course_id: UUID | None


# Certificates by id that the reader may see.
FIND_VISIBLE = Statement(
    "certificate.find_visible",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND id = ANY($4::uuid[])
      AND ($2::boolean OR user_id = $3::uuid OR {managed("certificate.user_id", "$5")})""",  # noqa: S608 - constants
)

# The certificates of enrollments that the reader may see.
FIND_BY_ENROLLMENTS = Statement(
    "certificate.find_by_enrollments",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND enrollment_id = ANY($4::uuid[])
      AND ($2::boolean OR user_id = $3::uuid OR {managed("certificate.user_id", "$5")})""",  # noqa: S608 - constants
)

# The same of enrollments on paths.
FIND_BY_PATH_ENROLLMENTS = Statement(
    "certificate.find_by_path_enrollments",
    f"""SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {{schema}}.certificate
    WHERE tenant_id = $1 AND path_enrollment_id = ANY($4::uuid[])
      AND ($2::boolean OR user_id = $3::uuid OR {managed("certificate.user_id", "$5")})""",  # noqa: S608 - constants
)

# The certificate of a serial, for anybody.
FIND_BY_SERIAL = Statement(
    "certificate.find_by_serial",
    """SELECT id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at, version
    FROM {schema}.certificate WHERE tenant_id = $1 AND serial = $2""",
)

# Certificates of completed enrollments in courses that award one, unless there are; at most one of each.
ISSUE_MANY = Statement(
    "certificate.issue_many",
    """INSERT INTO {schema}.certificate
      (tenant_id, id, user_id, course_id, enrollment_id, serial, holder_name, course_title, issued_at,
       expires_at)
    SELECT $1::uuid, uuidv7(), e.user_id, e.course_id, e.id, replace(gen_random_uuid()::text, '-', ''),
      (SELECT u.name FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = e.user_id), c.title,
      e.completed_at, e.completed_at + make_interval(days => c.certificate_days)
    FROM {schema}.enrollment e
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = e.course_id AND c.awards_certificate
    WHERE e.tenant_id = $1 AND e.id = ANY($2::uuid[]) AND e.status = 'completed'
    ON CONFLICT (tenant_id, enrollment_id) DO NOTHING
    RETURNING id, user_id, course_id""",
)

# Certificates of completed path enrollments, on paths that award one, unless there are; at most one of each.
ISSUE_OF_PATHS = Statement(
    "certificate.issue_of_paths",
    """INSERT INTO {schema}.certificate
      (tenant_id, id, user_id, path_id, path_enrollment_id, serial, holder_name, course_title, issued_at,
       expires_at)
    SELECT $1::uuid, uuidv7(), e.user_id, e.path_id, e.id, replace(gen_random_uuid()::text, '-', ''),
      (SELECT u.name FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = e.user_id), p.title,
      e.completed_at, e.completed_at + make_interval(days => p.certificate_days)
    FROM {schema}.learning_path_enrollment e
    JOIN {schema}.learning_path p ON p.tenant_id = $1 AND p.id = e.path_id AND p.awards_certificate
    WHERE e.tenant_id = $1 AND e.id = ANY($2::uuid[]) AND e.status = 'completed'
    ON CONFLICT (tenant_id, path_enrollment_id) DO NOTHING
    RETURNING id, user_id, course_id""",
)

# Revoke a certificate that is not revoked, of somebody a manager sees; a version of NULL stands for any.
REVOKE = Statement(
    "certificate.revoke",
    f"""UPDATE {{schema}}.certificate
    SET revoked_at = now(), revoke_reason = $4::text, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3) AND revoked_at IS NULL
      AND {unless_beyond("certificate.user_id", "$5")}
    RETURNING id, user_id, course_id, enrollment_id, path_id, path_enrollment_id, serial, holder_name,
      course_title AS title, issued_at, expires_at, revoked_at, revoke_reason, created_at, updated_at,
      version""",  # noqa: S608 - constants
)

# Let a certificate, of somebody a manager sees, go on from now for as long as the course or path says today,
# under the names of today. It ends within $5 days, or has ended; it is not revoked; what it is of still
# awards one. A version of NULL stands for any.
RENEW = Statement(
    "certificate.renew",
    f"""WITH award AS (
      SELECT k.id, u.name, coalesce(c.title, p.title) AS title,
        coalesce(c.certificate_days, p.certificate_days) AS days
      FROM {{schema}}.certificate k
      JOIN {{schema}}."user" u ON u.tenant_id = $1 AND u.id = k.user_id
      LEFT JOIN {{schema}}.course c ON c.tenant_id = $1 AND c.id = k.course_id AND c.awards_certificate
      LEFT JOIN {{schema}}.learning_path p ON p.tenant_id = $1 AND p.id = k.path_id AND p.awards_certificate
      WHERE k.tenant_id = $1 AND k.id = $2::uuid AND (c.id IS NOT NULL OR p.id IS NOT NULL)
    )
    UPDATE {{schema}}.certificate k
    SET issued_at = now(), expires_at = now() + make_interval(days => award.days), holder_name = award.name,
      course_title = award.title, updated_at = now(), version = k.version + 1
    FROM award
    WHERE k.tenant_id = $1 AND k.id = award.id AND ($3::int IS NULL OR k.version = $3)
      AND k.revoked_at IS NULL AND k.expires_at <= now() + make_interval(days => $5::int)
      AND {unless_beyond("k.user_id", "$4")}
    RETURNING k.id, k.user_id, k.course_id, k.enrollment_id, k.path_id, k.path_enrollment_id, k.serial,
      k.holder_name, k.course_title AS title, k.issued_at, k.expires_at, k.revoked_at, k.revoke_reason,
      k.created_at, k.updated_at, k.version""",  # noqa: S608 - constants
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Certificate]:
    return await session.fetch_rows(
        Certificate, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager
    )


async def find_by_enrollments(
    session: ShardSession, scope: Scope, enrollment_ids: Sequence[UUID]
) -> Sequence[Certificate]:
    """At most one of each."""
    return await session.fetch_rows(
        Certificate, FIND_BY_ENROLLMENTS, scope.everything, scope.user, enrollment_ids, scope.manager
    )


async def find_by_path_enrollments(
    session: ShardSession, scope: Scope, enrollment_ids: Sequence[UUID]
) -> Sequence[Certificate]:
    """At most one of each."""
    return await session.fetch_rows(
        Certificate, FIND_BY_PATH_ENROLLMENTS, scope.everything, scope.user, enrollment_ids, scope.manager
    )


async def find_by_serial(session: ShardSession, serial: str) -> Certificate | None:
    row = await session.fetch_row(FIND_BY_SERIAL, serial)
    return None if row is None else Certificate(*row)


async def issue_many(session: ShardSession, enrollment_ids: Sequence[UUID]) -> Sequence[Issued]:
    """For those that are completed, in courses that award one, and have none; those that there are now."""
    return await session.fetch_rows(Issued, ISSUE_MANY, enrollment_ids)


async def issue_of_paths(session: ShardSession, path_enrollment_ids: Sequence[UUID]) -> Sequence[Issued]:
    """For those that are completed, on paths that award one, and have none; those that there are now."""
    return await session.fetch_rows(Issued, ISSUE_OF_PATHS, path_enrollment_ids)


async def revoke(
    session: ShardSession, scope: Scope, id_: UUID, version: int | None, reason: str
) -> Certificate | None:
    """None: absent, beyond a manager's groups, revoked already, or of another version."""
    row = await session.fetch_row(REVOKE, id_, version, reason, scope.manager)
    return None if row is None else Certificate(*row)


async def renew(
    session: ShardSession, scope: Scope, id_: UUID, version: int | None, *, within_days: int
) -> Certificate | None:
    """None: absent, beyond a manager's groups, revoked, of another version, not ending soon, not awarded."""
    row = await session.fetch_row(RENEW, id_, version, scope.manager, within_days)
    return None if row is None else Certificate(*row)
