from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Funnel(msgspec.Struct, frozen=True):
    """How many enrollments of a course got how far; those that were withdrawn count only as such.

    `median_seconds`, `slow_seconds`: what half of those who completed it, and nine in ten, took at the most;
    None without one.
    """

    enrolled: int
    started: int
    halfway: int
    completed: int
    withdrawn: int
    median_seconds: float | None
    slow_seconds: float | None
    as_of: datetime


class LessonFigures(msgspec.Struct, frozen=True):
    """`stopped`: began this lesson and no later one, and have not completed the course."""

    lesson_id: UUID
    begun: int
    finished: int
    stopped: int


FUNNEL = Statement(
    "course_analytics.funnel",
    """SELECT count(*) FILTER (WHERE status <> 'withdrawn') AS enrolled,
      count(*) FILTER (WHERE status <> 'withdrawn' AND progress > 0) AS started,
      count(*) FILTER (WHERE status <> 'withdrawn' AND progress >= 0.5) AS halfway,
      count(*) FILTER (WHERE status = 'completed') AS completed,
      count(*) FILTER (WHERE status = 'withdrawn') AS withdrawn,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - enrolled_at)::float8)
        FILTER (WHERE status = 'completed') AS median_seconds,
      percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - enrolled_at)::float8)
        FILTER (WHERE status = 'completed') AS slow_seconds,
      now() AS as_of
    FROM {schema}.enrollment WHERE tenant_id = $1 AND course_id = $2""",
)

# For each lesson, in the order of the outline. LATERAL … OFFSET 0: the progress of each enrollment by its
# index, where a join would read that of the whole tenant.
LESSONS = Statement(
    "course_analytics.lessons",
    """WITH taken AS (
      SELECT p.lesson_id, p.fraction, e.status, row_number() OVER (
          PARTITION BY e.id ORDER BY m.position DESC, m.id DESC, l.position DESC, l.id DESC) AS from_last
      FROM {schema}.enrollment e
      CROSS JOIN LATERAL (
        SELECT lesson_id, fraction FROM {schema}.lesson_progress
        WHERE tenant_id = $1 AND enrollment_id = e.id OFFSET 0) p
      JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.id = p.lesson_id
      JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = l.module_id
      WHERE e.tenant_id = $1 AND e.course_id = $2 AND e.status <> 'withdrawn'
    ), figures AS (
      SELECT lesson_id, count(*) AS begun, count(*) FILTER (WHERE fraction = 1) AS finished,
        count(*) FILTER (WHERE from_last = 1 AND status = 'active') AS stopped
      FROM taken GROUP BY lesson_id
    )
    SELECT l.id AS lesson_id, coalesce(f.begun, 0) AS begun, coalesce(f.finished, 0) AS finished,
      coalesce(f.stopped, 0) AS stopped
    FROM {schema}.lesson l JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = l.module_id
    LEFT JOIN figures f ON f.lesson_id = l.id
    WHERE l.tenant_id = $1 AND l.course_id = $2
    ORDER BY m.position, m.id, l.position, l.id""",
)


async def funnel(session: ShardSession, course: UUID) -> Funnel:
    row = await session.fetch_row(FUNNEL, course)
    assert row is not None  # noqa: S101 - counts are always there
    return Funnel(*row)


async def lessons(session: ShardSession, course: UUID) -> Sequence[LessonFigures]:
    return await session.fetch_rows(LessonFigures, LESSONS, course)
