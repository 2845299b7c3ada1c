from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.enrollment import Enrollment
from harka.repositories.scope import Scope, managed, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Target(msgspec.Struct, frozen=True):
    """What is about to be written. `guarded`: the lesson's module, if it has rules when to open.

    `finished_by`: what must be passed to finish the lesson, "quiz" or "assignment", if that was asked.
    `kind`: the lesson's, None where there is none.
    """

    enrollment: Enrollment
    has_lesson: bool
    guarded: UUID | None
    finished_by: str | None
    kind: str | None


class Recalculated(msgspec.Struct, frozen=True):
    """`changed`: the enrollments whose progress or status is another. `completed`: those of them, now."""

    changed: list[Enrollment]
    completed: list[Enrollment]


class LessonProgress(msgspec.Struct, frozen=True):
    """`fraction`: 0 to 1. `score`: 0 to 100, None when nothing was marked.

    `waived_by`: None for a program.
    """

    id: UUID
    enrollment_id: UUID
    lesson_id: UUID
    fraction: float
    score: float | None
    occurred_at: datetime
    created_at: datetime
    updated_at: datetime
    waived_at: datetime | None = None
    waived_by: UUID | None = None
    waive_reason: str | None = None
    version: int = 1


_LEARNED = len(LessonProgress.__struct_fields__) - len(LessonProgress.__struct_defaults__)
"""Columns that a learner writes: all but those of a waiver, and the version."""
_WAIVED = len(LessonProgress.__struct_fields__) - 1
"""Columns that who waives a lesson writes: all but the version."""

# Progress by id, of enrollments the reader may see.
FIND_VISIBLE = Statement(
    "progress.find_visible",
    f"""SELECT p.id, p.enrollment_id, p.lesson_id, p.fraction, p.score, p.occurred_at,
      p.created_at, p.updated_at, p.waived_at, p.waived_by, p.waive_reason, p.version
    FROM {{schema}}.lesson_progress p
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = p.enrollment_id
    WHERE p.tenant_id = $1 AND p.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})""",  # noqa: S608 - constants
)

# All progress within enrollments the reader may see.
FIND_BY_ENROLLMENTS = Statement(
    "progress.find_by_enrollments",
    f"""SELECT p.id, p.enrollment_id, p.lesson_id, p.fraction, p.score, p.occurred_at,
      p.created_at, p.updated_at, p.waived_at, p.waived_by, p.waive_reason, p.version
    FROM {{schema}}.enrollment e
    JOIN {{schema}}.lesson_progress p ON p.tenant_id = $1 AND p.enrollment_id = e.id
    WHERE e.tenant_id = $1 AND e.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})
    ORDER BY p.enrollment_id, p.occurred_at, p.id""",  # noqa: S608 - constants
)

# Progress in one lesson.
FIND_ONE = Statement(
    "progress.find_one",
    """SELECT id, enrollment_id, lesson_id, fraction, score, occurred_at, created_at, updated_at,
      waived_at, waived_by, waive_reason, version
    FROM {schema}.lesson_progress
    WHERE tenant_id = $1 AND enrollment_id = $2::uuid AND lesson_id = $3::uuid""",
)

# How many lessons were worked on, and how many of those have a score.
COUNT = Statement(
    "progress.count",
    "SELECT count(*), count(score) FROM {schema}.lesson_progress WHERE tenant_id = $1",
)

# Hold an enrollment, of somebody a manager sees, against every other writer, and see whether a lesson is one
# of its course's, which then is not taken away meanwhile, of which module, if that has rules, whether a quiz
# or an assignment finishes it, shown yet or not, and of which kind it is.
LOCK_TARGET = Statement(
    "progress.lock_target",
    f"""WITH lesson AS MATERIALIZED (
      SELECT l.course_id, l.module_id, l.kind FROM {{schema}}.lesson l
      WHERE l.tenant_id = $1 AND l.id = $3::uuid FOR KEY SHARE
    )
    SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version,
      EXISTS (SELECT FROM lesson l WHERE l.course_id = e.course_id) AS has_lesson,
      (SELECT u.module_id FROM lesson l
        JOIN {{schema}}.module_unlock u ON u.tenant_id = $1 AND u.module_id = l.module_id) AS guarded,
      CASE WHEN EXISTS (SELECT FROM {{schema}}.quiz q
        WHERE q.tenant_id = $1 AND q.lesson_id = $3::uuid AND q.completes_lesson) THEN 'quiz'
      WHEN EXISTS (SELECT FROM {{schema}}.assignment a
        WHERE a.tenant_id = $1 AND a.lesson_id = $3::uuid AND a.completes_lesson) THEN 'assignment'
      END AS finished_by, (SELECT kind FROM lesson) AS kind
    FROM {{schema}}.enrollment e
    WHERE e.tenant_id = $1 AND e.id = $2::uuid AND {unless_beyond("e.user_id", "$4")}
    FOR UPDATE""",  # noqa: S608 - constants
)

# Write progress, never backwards; answers the rows that changed.
ADVANCE = Statement(
    "progress.advance",
    """INSERT INTO {schema}.lesson_progress AS p
      (tenant_id, id, enrollment_id, lesson_id, fraction, score, occurred_at, created_at, updated_at)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::float8[], $6::float8[],
      $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
    ON CONFLICT (tenant_id, enrollment_id, lesson_id) DO UPDATE
    SET fraction = greatest(p.fraction, excluded.fraction), score = greatest(p.score, excluded.score),
      occurred_at = greatest(p.occurred_at, excluded.occurred_at), updated_at = now(),
      version = p.version + 1
    WHERE excluded.fraction > p.fraction OR excluded.score > coalesce(p.score, -1)
    RETURNING id, enrollment_id, lesson_id, fraction, score, occurred_at, created_at, updated_at,
      waived_at, waived_by, waive_reason, version""",
)

# Count a lesson as done, unless it is; answers the row when that changed it.
WAIVE = Statement(
    "progress.waive",
    """INSERT INTO {schema}.lesson_progress AS p
      (tenant_id, id, enrollment_id, lesson_id, fraction, score, occurred_at, created_at, updated_at,
       waived_at, waived_by, waive_reason)
    VALUES ($1, $2::uuid, $3::uuid, $4::uuid, $5::float8, $6::float8, $7::timestamptz, $8::timestamptz,
      $9::timestamptz, $10::timestamptz, $11::uuid, $12::text)
    ON CONFLICT (tenant_id, enrollment_id, lesson_id) DO UPDATE
    SET fraction = excluded.fraction, occurred_at = greatest(p.occurred_at, excluded.occurred_at),
      updated_at = now(), waived_at = excluded.waived_at, waived_by = excluded.waived_by,
      waive_reason = excluded.waive_reason, version = p.version + 1
    WHERE excluded.fraction > p.fraction
    RETURNING id, enrollment_id, lesson_id, fraction, score, occurred_at, created_at, updated_at,
      waived_at, waived_by, waive_reason, version""",
)

# Work out the progress of enrollments from their lessons, complete those that are done, answer what changed.
# In numeric, so that the sum is exact; rounded down, so that only a finished course reads 1. One enrollment
# after the other: joined at once, a plan for any number of them reads every lesson, and may all progress.
# least() would make 100 of no score at all.
RECALCULATE = Statement(
    "progress.recalculate",
    """WITH measured AS (
      SELECT e.id, total.* FROM {schema}.enrollment e
      JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = e.course_id CROSS JOIN LATERAL (
        SELECT
          coalesce(trunc(sum(l.weight::numeric * coalesce(p.fraction, 0)::numeric)
            / nullif(sum(l.weight::numeric), 0), 6), 0)::float8 AS progress,
          coalesce(sum(l.weight::numeric * coalesce(p.fraction, 0)::numeric) * 100
            >= c.completion_percent * nullif(sum(l.weight::numeric), 0), c.completion_percent = 0)
          AND coalesce(bool_and(coalesce(p.fraction, 0) >= 1) FILTER (WHERE l.required),
            c.completion_percent > 0) AS done,
          max(p.occurred_at) AS last_at,
          sum(l.weight * p.score) / nullif(sum(l.weight) FILTER (WHERE p.score IS NOT NULL), 0) AS score
        FROM {schema}.lesson l
        LEFT JOIN {schema}.lesson_progress p
          ON p.tenant_id = $1 AND p.enrollment_id = e.id AND p.lesson_id = l.id
        WHERE l.tenant_id = $1 AND l.course_id = e.course_id
        HAVING count(*) > 0
      ) AS total
      WHERE e.tenant_id = $1 AND e.id = ANY($2::uuid[]) AND e.status <> 'withdrawn'
    ), changed AS (
      UPDATE {schema}.enrollment e
      SET progress = m.progress,
        status = CASE WHEN m.done THEN 'completed' ELSE e.status END,
        completed_at = CASE WHEN m.done THEN coalesce(e.completed_at, greatest(e.enrolled_at, m.last_at))
          ELSE e.completed_at END,
        updated_at = now(), version = e.version + 1
      FROM measured m
      WHERE e.tenant_id = $1 AND e.id = m.id
        AND (m.progress > e.progress OR (e.status = 'active' AND (m.progress < e.progress OR m.done)))
      RETURNING e.*, m.score
    ), awarded AS (
      INSERT INTO {schema}.completion (tenant_id, id, enrollment_id, completed_at, score)
      SELECT $1::uuid, uuidv7(), id, completed_at, CASE WHEN score > 100 THEN 100 ELSE score END
      FROM changed WHERE status = 'completed'
      ON CONFLICT (tenant_id, enrollment_id) DO NOTHING
      RETURNING enrollment_id
    )
    SELECT id, user_id, course_id, status, progress, enrolled_at, completed_at, withdrawn_at, due_at,
      expires_at, created_at, updated_at, version, id IN (SELECT enrollment_id FROM awarded) AS is_news
    FROM changed ORDER BY id""",
)


_ENROLLMENT: Final = len(Enrollment.__struct_fields__)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> list[LessonProgress]:
    return [
        LessonProgress(*row)
        for row in await session.fetch(FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager)
    ]


async def find_by_enrollments(
    session: ShardSession, scope: Scope, enrollment_ids: Sequence[UUID]
) -> Sequence[LessonProgress]:
    """Grouped by enrollment, in the order it happened."""
    return await session.fetch_rows(
        LessonProgress, FIND_BY_ENROLLMENTS, scope.everything, scope.user, enrollment_ids, scope.manager
    )


async def find_one(session: ShardSession, enrollment_id: UUID, lesson_id: UUID) -> LessonProgress | None:
    row = await session.fetch_row(FIND_ONE, enrollment_id, lesson_id)
    return None if row is None else LessonProgress(*row)


async def count(session: ShardSession) -> tuple[int, int]:
    """All, and those with a score."""
    row = (await session.fetch(COUNT))[0]
    return int(row[0]), int(row[1])


async def lock_target(
    session: ShardSession, scope: Scope, enrollment_id: UUID, lesson_id: UUID
) -> Target | None:
    """The enrollment, held until this transaction ends, and whether the lesson is one of its course's.

    None: absent, or beyond a manager's groups.
    """
    row = await session.fetch_row(LOCK_TARGET, enrollment_id, lesson_id, scope.manager)
    return None if row is None else Target(Enrollment(*row[:_ENROLLMENT]), *row[_ENROLLMENT:])


async def advance(session: ShardSession, entries: Sequence[LessonProgress]) -> list[LessonProgress]:
    """The rows that changed. The pairs of enrollment and lesson must differ, the enrollments be locked."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, entries), strict=True)]
    if not columns:
        return []
    return [LessonProgress(*row) for row in await session.fetch(ADVANCE, *columns[:_LEARNED])]


async def waive(session: ShardSession, entry: LessonProgress) -> LessonProgress | None:
    """None: the lesson is done already. The enrollment must be locked."""
    row = await session.fetch_row(WAIVE, *msgspec.structs.astuple(entry)[:_WAIVED])
    return None if row is None else LessonProgress(*row)


async def recalculate(session: ShardSession, enrollment_ids: Sequence[UUID]) -> Recalculated:
    """What came of it.

    They must be locked, by an earlier statement: a statement sees what was committed before it began, and one
    that waits for a lock would calculate from what it saw before the wait.
    """
    found = await session.fetch(RECALCULATE, enrollment_ids)
    changed = [Enrollment(*row[:_ENROLLMENT]) for row in found]
    completed = [each for each, row in zip(changed, found, strict=True) if row[_ENROLLMENT]]
    return Recalculated(changed, completed)
