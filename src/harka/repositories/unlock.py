from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Unlock(msgspec.Struct, frozen=True):
    """When a module opens: from a time, days after enrollment, after other modules; all of those given."""

    module_id: UUID
    opens_at: datetime | None
    opens_after_days: int | None
    requires: list[UUID]


class Lock(msgspec.Struct, frozen=True):
    """Why a module is closed for a learner. `opens_at`: None when no date keeps it so, or nobody knows."""

    module_id: UUID
    opens_at: datetime | None
    missing: list[UUID]


class Guard(msgspec.Struct, frozen=True):
    """What keeps a module closed for an enrollment: that it is too early, or lessons that are not done.

    `position`: of the module.
    """

    enrollment_id: UUID
    module_id: UUID
    position: int
    is_early: bool
    unfinished: list[UUID]


# The rules of modules of courses the reader may see.
FIND_BY_MODULES = Statement(
    "unlock.find_by_modules",
    """SELECT u.module_id, u.opens_at, u.opens_after_days,
      ARRAY(SELECT q.required_id FROM {schema}.module_prerequisite q
        JOIN {schema}.module r ON r.tenant_id = $1 AND r.id = q.required_id
        WHERE q.tenant_id = $1 AND q.module_id = u.module_id ORDER BY r.position) AS requires
    FROM {schema}.module_unlock u JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = u.course_id
    WHERE u.tenant_id = $1 AND u.module_id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))""",
)

# The modules that are closed for a user, and why. Who is not enrolled has completed nothing, and no day
# counts for them.
LOCKS_OF_USER = Statement(
    "unlock.locks_of_user",
    """SELECT found.module_id, found.opens_at, found.missing FROM (
      SELECT u.module_id, e.id AS enrollment_id, u.opens_after_days,
        greatest(u.opens_at, e.enrolled_at + u.opens_after_days * interval '24 hours') AS opens_at,
        ARRAY(SELECT q.required_id FROM {schema}.module_prerequisite q
          JOIN {schema}.module r ON r.tenant_id = $1 AND r.id = q.required_id
          WHERE q.tenant_id = $1 AND q.module_id = u.module_id AND EXISTS (
            SELECT FROM {schema}.lesson l LEFT JOIN {schema}.lesson_progress p
              ON p.tenant_id = $1 AND p.enrollment_id = e.id AND p.lesson_id = l.id
            WHERE l.tenant_id = $1 AND l.course_id = u.course_id AND l.module_id = q.required_id
              AND l.weight > 0 AND coalesce(p.fraction, 0) < 1)
          ORDER BY r.position) AS missing
      FROM {schema}.module_unlock u LEFT JOIN {schema}.enrollment e
        ON e.tenant_id = $1 AND e.user_id = $2::uuid AND e.course_id = u.course_id AND e.status <> 'withdrawn'
      WHERE u.tenant_id = $1 AND u.module_id = ANY($3::uuid[])
    ) AS found
    WHERE found.opens_at > now() OR cardinality(found.missing) > 0
      OR (found.enrollment_id IS NULL AND found.opens_after_days IS NOT NULL)""",
)

# What keeps modules closed for enrollments, pair by pair; what is open is left out.
GUARDS = Statement(
    "unlock.guards",
    """SELECT e.id AS enrollment_id, m.id AS module_id, m.position, found.is_early, found.unfinished
    FROM unnest($2::uuid[], $3::uuid[]) AS pair (enrollment_id, module_id)
    JOIN {schema}.enrollment e ON e.tenant_id = $1 AND e.id = pair.enrollment_id
    JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = pair.module_id
    JOIN {schema}.module_unlock u ON u.tenant_id = $1 AND u.module_id = m.id
    CROSS JOIN LATERAL (SELECT
      coalesce(greatest(u.opens_at, e.enrolled_at + u.opens_after_days * interval '24 hours') > now(), false)
        AS is_early,
      ARRAY(SELECT l.id FROM {schema}.module_prerequisite q
        JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = q.course_id
          AND l.module_id = q.required_id AND l.weight > 0
        LEFT JOIN {schema}.lesson_progress p
          ON p.tenant_id = $1 AND p.enrollment_id = e.id AND p.lesson_id = l.id
        WHERE q.tenant_id = $1 AND q.module_id = m.id AND coalesce(p.fraction, 0) < 1) AS unfinished
    ) AS found
    WHERE found.is_early OR cardinality(found.unfinished) > 0""",
)

# Put the rules of a module in place of those it has.
REPLACE = Statement(
    "unlock.replace",
    """WITH released AS (
      DELETE FROM {schema}.module_prerequisite q
      WHERE q.tenant_id = $1 AND q.module_id = $3::uuid AND q.required_id <> ALL($6::uuid[])
    ), required AS (
      INSERT INTO {schema}.module_prerequisite (tenant_id, course_id, module_id, required_id)
      SELECT $1::uuid, $2::uuid, $3::uuid, id FROM unnest($6::uuid[]) AS given (id)
      ON CONFLICT (tenant_id, module_id, required_id) DO NOTHING
    )
    INSERT INTO {schema}.module_unlock (tenant_id, course_id, module_id, opens_at, opens_after_days)
    VALUES ($1, $2::uuid, $3::uuid, $4::timestamptz, $5::int)
    ON CONFLICT (tenant_id, module_id) DO UPDATE
    SET opens_at = excluded.opens_at, opens_after_days = excluded.opens_after_days""",
)

# Open a module from the beginning.
CLEAR = Statement(
    "unlock.clear",
    """WITH released AS (
      DELETE FROM {schema}.module_prerequisite q WHERE q.tenant_id = $1 AND q.module_id = $2::uuid
    )
    DELETE FROM {schema}.module_unlock u WHERE u.tenant_id = $1 AND u.module_id = $2::uuid""",
)

# How many of some modules stand before a module, in its course.
COUNT_EARLIER = Statement(
    "unlock.count_earlier",
    """SELECT count(*) FROM {schema}.module m
    JOIN {schema}.module r ON r.tenant_id = $1 AND r.course_id = m.course_id AND r.position < m.position
    WHERE m.tenant_id = $1 AND m.id = $2::uuid AND r.id = ANY($3::uuid[])""",
)

# How often a module of a course requires one that does not stand before it.
COUNT_MISPLACED = Statement(
    "unlock.count_misplaced",
    """SELECT count(*) FROM {schema}.module_prerequisite q
    JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = q.module_id
    JOIN {schema}.module r ON r.tenant_id = $1 AND r.id = q.required_id
    WHERE q.tenant_id = $1 AND q.course_id = $2::uuid AND r.position >= m.position""",
)


async def find_by_modules(session: ShardSession, scope: Scope, module_ids: Sequence[UUID]) -> list[Unlock]:
    """In no particular order; modules without rules are left out."""
    rows = await session.fetch(FIND_BY_MODULES, scope.everything, scope.user, module_ids)
    return [Unlock(*row) for row in rows]


async def locks_of_user(
    session: ShardSession, user_id: UUID | None, module_ids: Sequence[UUID]
) -> list[Lock]:
    """Those that are closed. `user_id`: None for nobody in particular, who is not enrolled."""
    return [Lock(*row) for row in await session.fetch(LOCKS_OF_USER, user_id, module_ids)]


async def guards(
    session: ShardSession, enrollment_ids: Sequence[UUID], module_ids: Sequence[UUID]
) -> list[Guard]:
    """What is closed of the pairs of an enrollment and a module at the same place."""
    return [Guard(*row) for row in await session.fetch(GUARDS, enrollment_ids, module_ids)]


async def replace(session: ShardSession, course_id: UUID, unlock: Unlock) -> None:
    """`unlock.requires`: earlier modules of the same course."""
    await session.execute(
        REPLACE, course_id, unlock.module_id, unlock.opens_at, unlock.opens_after_days, unlock.requires
    )


async def clear(session: ShardSession, module_id: UUID) -> None:
    await session.execute(CLEAR, module_id)


async def count_earlier(session: ShardSession, module_id: UUID, ids: Sequence[UUID]) -> int:
    return int(await session.fetch_value(COUNT_EARLIER, module_id, ids))


async def count_misplaced(session: ShardSession, course_id: UUID) -> int:
    return int(await session.fetch_value(COUNT_MISPLACED, course_id))
