import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Reveal(enum.StrEnum):
    """When learners see what is right."""

    NEVER = "never"
    AFTER_SUBMISSION = "after_submission"
    AFTER_LAST_ATTEMPT = "after_last_attempt"


class Quiz(msgspec.Struct, frozen=True):
    """`allowed_attempts`, `time_limit_seconds`: None for any. `points`: of all questions together.

    `completes_lesson`: passing finishes the lesson, and nothing else of the learner's does. `is_shown`: an
    item of the lesson points to it; learners see no other. `shuffles_options`: anew for each attempt.
    """

    id: UUID
    lesson_id: UUID
    title: str
    description: str
    time_limit_seconds: int | None
    allowed_attempts: int | None
    pass_percent: int
    reveal: str
    completes_lesson: bool
    shuffles_options: bool
    is_shown: bool
    question_count: int
    points: int
    created_at: datetime
    updated_at: datetime
    version: int


# Quizzes by id, for rules that know which lessons may be read.
FIND_BY_IDS = Statement(
    "quiz.find_by_ids",
    """SELECT q.id, q.lesson_id, q.title, q.description, q.time_limit_seconds, q.allowed_attempts,
      q.pass_percent, q.reveal, q.completes_lesson, q.shuffles_options,
      EXISTS (SELECT FROM {schema}.content_item i WHERE i.tenant_id = $1 AND i.quiz_id = q.id) AS is_shown,
      asked.question_count, asked.points, q.created_at, q.updated_at, q.version
    FROM {schema}.quiz q CROSS JOIN LATERAL (
      SELECT count(*)::int AS question_count, coalesce(sum(n.points), 0)::int AS points
      FROM {schema}.quiz_question n WHERE n.tenant_id = $1 AND n.quiz_id = q.id
    ) AS asked
    WHERE q.tenant_id = $1 AND q.id = ANY($2::uuid[])""",
)

# The quizzes of lessons that may be read, oldest first.
FIND_BY_LESSONS = Statement(
    "quiz.find_by_lessons",
    """SELECT q.id, q.lesson_id, q.title, q.description, q.time_limit_seconds, q.allowed_attempts,
      q.pass_percent, q.reveal, q.completes_lesson, q.shuffles_options,
      EXISTS (SELECT FROM {schema}.content_item i WHERE i.tenant_id = $1 AND i.quiz_id = q.id) AS is_shown,
      asked.question_count, asked.points, q.created_at, q.updated_at, q.version
    FROM {schema}.quiz q CROSS JOIN LATERAL (
      SELECT count(*)::int AS question_count, coalesce(sum(n.points), 0)::int AS points
      FROM {schema}.quiz_question n WHERE n.tenant_id = $1 AND n.quiz_id = q.id
    ) AS asked
    WHERE q.tenant_id = $1 AND q.lesson_id = ANY($2::uuid[])
    ORDER BY q.lesson_id, q.id""",
)

# Keep a quiz from being taken away until this transaction ends.
KEEP = Statement(
    "quiz.keep",
    "SELECT id FROM {schema}.quiz WHERE tenant_id = $1 AND id = $2::uuid FOR KEY SHARE",
)

# A new quiz.
INSERT = Statement(
    "quiz.insert",
    """INSERT INTO {schema}.quiz
      (tenant_id, id, lesson_id, title, description, time_limit_seconds, allowed_attempts, pass_percent,
       reveal, completes_lesson, shuffles_options)
    VALUES ($1, $2::uuid, $3::uuid, $4::text, $5::text, $6::int, $7::int, $8::int, $9::text, $10::boolean,
      $11::boolean)""",
)

# Write what a quiz is, unless someone else changed it.
UPDATE = Statement(
    "quiz.update",
    """UPDATE {schema}.quiz
    SET title = $4::text, description = $5::text, time_limit_seconds = $6::int, allowed_attempts = $7::int,
      pass_percent = $8::int, reveal = $9::text, completes_lesson = $10::boolean,
      shuffles_options = $11::boolean, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int""",
)

# A new version of a quiz whose list of questions changes; a version of NULL stands for any.
TOUCH = Statement(
    "quiz.touch",
    """UPDATE {schema}.quiz SET updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)""",
)

# Take a quiz away, with its questions, attempts and the item that shows it; items behind that move up. Where
# learners have begun it, only when that may go too. Answers how many quizzes are gone.
DELETE = Statement(
    "quiz.delete",
    f"""WITH gone AS (
      DELETE FROM {{schema}}.quiz q
      WHERE q.tenant_id = $1 AND q.id = $2::uuid AND q.version = $3::int
        AND ($4::boolean AND ($5::uuid IS NULL OR (
        SELECT coalesce(sum(beyond.count), 0) FROM {{schema}}.quiz_attempt t CROSS JOIN LATERAL (
          SELECT count(*) FROM {{schema}}.enrollment e
          WHERE e.tenant_id = $1 AND e.id = t.enrollment_id AND NOT {unless_beyond("e.user_id", "$5")}
        ) AS beyond
        WHERE t.tenant_id = $1 AND t.quiz_id = q.id
      ) = 0) OR (
        SELECT count(*) FROM {{schema}}.quiz_attempt a WHERE a.tenant_id = $1 AND a.quiz_id = q.id) = 0)
      RETURNING q.id
    ), hidden AS (
      DELETE FROM {{schema}}.content_item i USING gone WHERE i.tenant_id = $1 AND i.quiz_id = gone.id
      RETURNING i.lesson_id, i.position
    ), moved AS (
      UPDATE {{schema}}.content_item i
      SET position = i.position - 1, updated_at = now(), version = version + 1
      FROM hidden WHERE i.tenant_id = $1 AND i.lesson_id = hidden.lesson_id AND i.position > hidden.position
    )
    SELECT count(*) FROM gone""",  # noqa: S608 - constants
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[Quiz]:
    """Whoever may see them; in no particular order, unknown ids are left out."""
    return await session.fetch_rows(Quiz, FIND_BY_IDS, ids)


async def find_by_lessons(session: ShardSession, lesson_ids: Sequence[UUID]) -> Sequence[Quiz]:
    """Grouped by lesson, oldest first."""
    return await session.fetch_rows(Quiz, FIND_BY_LESSONS, lesson_ids)


async def keep(session: ShardSession, id_: UUID) -> bool:
    """Whether it is there; then nobody takes it away meanwhile."""
    return await session.fetch_value(KEEP, id_) is not None


async def insert(session: ShardSession, quiz: Quiz) -> None:
    await session.execute(INSERT, quiz.id, quiz.lesson_id, *_settings(quiz))


async def update(session: ShardSession, quiz: Quiz) -> bool:
    """Whether it was there, of the version of `quiz`."""
    return await session.execute(UPDATE, quiz.id, quiz.version, *_settings(quiz)) > 0


async def touch(session: ShardSession, id_: UUID, version: int | None = None) -> bool:
    """Whether it was there, of this version."""
    return await session.execute(TOUCH, id_, version) > 0


async def delete(
    session: ShardSession, scope: Scope, id_: UUID, version: int, *, with_attempts: bool
) -> bool:
    """False: absent, of another version, or begun by somebody."""
    return bool(await session.fetch_value(DELETE, id_, version, with_attempts, scope.manager))


def _settings(quiz: Quiz) -> tuple[str, str, int | None, int | None, int, str, bool, bool]:
    return (
        quiz.title,
        quiz.description,
        quiz.time_limit_seconds,
        quiz.allowed_attempts,
        quiz.pass_percent,
        quiz.reveal,
        quiz.completes_lesson,
        quiz.shuffles_options,
    )
