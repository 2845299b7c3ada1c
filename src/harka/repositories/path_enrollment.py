from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, managed, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class PathEnrollment(msgspec.Struct, frozen=True):
    """`status`: an `enrollment.EnrollmentStatus`. `progress`: 0 to 1, rounded down to millionths."""

    id: UUID
    path_id: UUID
    user_id: UUID
    status: str
    progress: float
    completed_at: datetime | None
    withdrawn_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


# Those by id that the reader may see.
FIND_VISIBLE = Statement(
    "path_enrollment.find_visible",
    f"""SELECT id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version
    FROM {{schema}}.learning_path_enrollment
    WHERE tenant_id = $1 AND id = ANY($4::uuid[])
      AND ($2::boolean OR user_id = $3::uuid OR {managed("learning_path_enrollment.user_id", "$5")})""",  # noqa: S608 - constants
)

# Put somebody on a path; where they are already, that is the answer.
INSERT = Statement(
    "path_enrollment.insert",
    """INSERT INTO {schema}.learning_path_enrollment AS e
      (tenant_id, id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
       version)
    VALUES ($1, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::float8, $7::timestamptz, $8::timestamptz,
      $9::timestamptz, $10::timestamptz, $11::int)
    ON CONFLICT (tenant_id, user_id, path_id) WHERE status <> 'withdrawn' DO UPDATE SET version = e.version
    RETURNING id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version""",
)

# Withdraw one that is active, of somebody whom a manager sees.
WITHDRAW = Statement(
    "path_enrollment.withdraw",
    f"""UPDATE {{schema}}.learning_path_enrollment
    SET status = 'withdrawn', withdrawn_at = now(), updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND status = 'active' AND ($4::int IS NULL OR version = $4)
      AND {unless_beyond("learning_path_enrollment.user_id", "$3")}
    RETURNING id, path_id, user_id, status, progress, completed_at, withdrawn_at, created_at, updated_at,
      version""",  # noqa: S608 - constants
)

# On which paths somebody is that they have not completed.
ACTIVE_OF_USER = Statement(
    "path_enrollment.active_of_user",
    """SELECT id FROM {schema}.learning_path_enrollment
    WHERE tenant_id = $1 AND user_id = $2::uuid AND status = 'active' ORDER BY id""",
)

# Hold people, so that what one of them completes and their paths are worked out one after the other: neither
# would see what the other has not committed yet. In one order everywhere. By rows, of which there may be any
# number: advisory locks of a large import would not fit into PostgreSQL's table of them.
LOCK_PEOPLE = Statement(
    "path_enrollment.lock_people",
    """WITH held AS MATERIALIZED (
      SELECT FROM {schema}."user" WHERE tenant_id = $1 AND id = ANY($2::uuid[])
      ORDER BY id FOR NO KEY UPDATE
    ) SELECT count(*) FROM held""",
)

# Hold those of some enrollments.
LOCK_LEARNERS = Statement(
    "path_enrollment.lock_learners",
    """WITH held AS MATERIALIZED (
      SELECT FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = ANY(ARRAY(
        SELECT e.user_id FROM {schema}.enrollment e WHERE e.tenant_id = $1 AND e.id = ANY($2::uuid[])))
      ORDER BY u.id FOR NO KEY UPDATE
    ) SELECT count(*) FROM held""",
)

# Hold those who are on a path, a page at a time.
LOCK_PEOPLE_OF_PATH = Statement(
    "path_enrollment.lock_people_of_path",
    """WITH held AS MATERIALIZED (
      SELECT FROM {schema}."user" u WHERE u.tenant_id = $1 AND u.id = ANY(ARRAY(
        SELECT user_id FROM {schema}.learning_path_enrollment
        WHERE tenant_id = $1 AND path_id = $2::uuid AND status = 'active' AND id > $3::uuid
        ORDER BY id LIMIT $4))
      ORDER BY u.id FOR NO KEY UPDATE
    ) SELECT count(*) FROM held""",
)

# Hold those that some completed enrollments count for, in one order everywhere.
LOCK_OF_COMPLETED = Statement(
    "path_enrollment.lock_of_completed",
    """SELECT p.id FROM {schema}.learning_path_enrollment p
    WHERE p.tenant_id = $1 AND p.status = 'active' AND (p.user_id, p.path_id) IN (
      SELECT e.user_id, k.path_id FROM {schema}.enrollment e
      JOIN {schema}.learning_path_course k ON k.tenant_id = $1 AND k.course_id = e.course_id
      WHERE e.tenant_id = $1 AND e.id = ANY($2::uuid[]) AND e.status = 'completed')
    ORDER BY p.id FOR UPDATE OF p""",
)

# Hold those of a path that are active, a page at a time.
LOCK_OF_PATH = Statement(
    "path_enrollment.lock_of_path",
    """SELECT id FROM {schema}.learning_path_enrollment
    WHERE tenant_id = $1 AND path_id = $2::uuid AND status = 'active' AND id > $3::uuid
    ORDER BY id LIMIT $4 FOR UPDATE""",
)

# Work out how far they are from the courses that are completed, complete those that are done, answer what
# changed. Rounded down, so that only a finished path reads 1.
RECALCULATE = Statement(
    "path_enrollment.recalculate",
    """WITH measured AS (
      SELECT p.id, trunc(least(1, total.done::numeric / total.needed), 6)::float8 AS progress,
        total.done >= total.needed AS is_done
      FROM {schema}.learning_path_enrollment p CROSS JOIN LATERAL (
        SELECT least(count(*), coalesce(max(w.required_count), count(*))) AS needed,
          count(*) FILTER (WHERE EXISTS (
            SELECT FROM {schema}.enrollment e WHERE e.tenant_id = $1 AND e.user_id = p.user_id
              AND e.course_id = k.course_id AND e.status = 'completed')) AS done
        FROM {schema}.learning_path_course k
        JOIN {schema}.learning_path w ON w.tenant_id = $1 AND w.id = k.path_id
        WHERE k.tenant_id = $1 AND k.path_id = p.path_id
        HAVING count(*) > 0
      ) AS total
      WHERE p.tenant_id = $1 AND p.id = ANY($2::uuid[]) AND p.status = 'active'
    )
    UPDATE {schema}.learning_path_enrollment p
    SET progress = m.progress, status = CASE WHEN m.is_done THEN 'completed' ELSE p.status END,
      completed_at = CASE WHEN m.is_done THEN greatest(p.created_at, now()) END,
      updated_at = greatest(p.created_at, now()), version = p.version + 1
    FROM measured m
    WHERE p.tenant_id = $1 AND p.id = m.id AND (m.is_done OR m.progress <> p.progress)
    RETURNING p.id, p.path_id, p.user_id, p.status, p.progress, p.completed_at, p.withdrawn_at, p.created_at,
      p.updated_at, p.version""",
)

# Whom of the active people to enroll in which courses: published ones that are open to them and that they
# have not taken since they are on the path. On a sequential path a course is open when all
# before it are completed.
UNLOCKED = Statement(
    "path_enrollment.unlocked",
    """SELECT DISTINCT p.user_id, k.course_id FROM {schema}.learning_path_enrollment p
    JOIN {schema}.learning_path w ON w.tenant_id = $1 AND w.id = p.path_id AND w.status = 'published'
    JOIN {schema}.learning_path_course k ON k.tenant_id = $1 AND k.path_id = p.path_id
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = k.course_id AND c.status = 'published'
    JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = p.user_id AND u.status = 'active'
    WHERE p.tenant_id = $1 AND p.id = ANY($2::uuid[]) AND p.status = 'active'
      AND NOT EXISTS (SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = p.user_id AND e.course_id = k.course_id
          AND (e.status <> 'withdrawn' OR e.withdrawn_at >= p.created_at))
      AND (NOT w.is_sequential OR NOT EXISTS (SELECT FROM {schema}.learning_path_course b
        WHERE b.tenant_id = $1 AND b.path_id = p.path_id AND b.position < k.position
          AND NOT EXISTS (SELECT FROM {schema}.enrollment d
            WHERE d.tenant_id = $1 AND d.user_id = p.user_id AND d.course_id = b.course_id
              AND d.status = 'completed')))
    ORDER BY p.user_id, k.course_id""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[PathEnrollment]:
    return await session.fetch_rows(
        PathEnrollment, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager
    )


async def insert(session: ShardSession, row: PathEnrollment) -> PathEnrollment:
    """The current one, held: the given one unless there was one before."""
    found = await session.fetch_row(INSERT, *msgspec.structs.astuple(row))
    assert found is not None  # noqa: S101 - it returns a row whether it was there or not
    return PathEnrollment(*found)


async def withdraw(
    session: ShardSession, scope: Scope, id_: UUID, *, version: int | None = None
) -> PathEnrollment | None:
    """None: absent, of somebody out of the writer's reach, completed, withdrawn already, or another version.

    `version`: None for any.
    """
    row = await session.fetch_row(WITHDRAW, id_, scope.manager, version)
    return None if row is None else PathEnrollment(*row)


async def lock_of_completed(session: ShardSession, enrollment_ids: Sequence[UUID]) -> list[UUID]:
    """Of active ones that these count for, held until this transaction ends."""
    return [row["id"] for row in await session.fetch(LOCK_OF_COMPLETED, enrollment_ids)]


async def active_of_user(session: ShardSession, user_id: UUID) -> list[UUID]:
    return [row["id"] for row in await session.fetch(ACTIVE_OF_USER, user_id)]


async def lock_people(session: ShardSession, user_ids: Sequence[UUID]) -> None:
    """Before their paths are worked out, by a statement of its own."""
    await session.fetch_value(LOCK_PEOPLE, user_ids)


async def lock_learners(session: ShardSession, enrollment_ids: Sequence[UUID]) -> None:
    """Like `lock_people`, those of some enrollments."""
    await session.fetch_value(LOCK_LEARNERS, enrollment_ids)


async def lock_of_path(session: ShardSession, path_id: UUID, *, after: UUID, first: int) -> list[UUID]:
    """The next active ones of a path, ascending; held."""
    # first, as who completes a course does
    await session.fetch_value(LOCK_PEOPLE_OF_PATH, path_id, after, first)
    return [row["id"] for row in await session.fetch(LOCK_OF_PATH, path_id, after, first)]


async def recalculate(session: ShardSession, ids: Sequence[UUID]) -> list[PathEnrollment]:
    """Those that changed. They must be locked, by an earlier statement: see `progress.recalculate`."""
    return [PathEnrollment(*row) for row in await session.fetch(RECALCULATE, ids)]


async def unlocked(session: ShardSession, ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Pairs of user and course, sorted: whom to enroll now."""
    return [(row["user_id"], row["course_id"]) for row in await session.fetch(UNLOCKED, ids)]
