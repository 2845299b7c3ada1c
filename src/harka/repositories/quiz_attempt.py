from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, managed
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class QuizAttempt(msgspec.Struct, frozen=True):
    """`number`: from 1, of the enrollment's attempts at the quiz. `points`: those to be had.

    `ends_at`: None without a time limit. From `submitted_at` to `passed`: None until it is submitted.
    """

    id: UUID
    quiz_id: UUID
    enrollment_id: UUID
    number: int
    started_at: datetime
    ends_at: datetime | None
    submitted_at: datetime | None
    pass_percent: int
    points: int
    earned: int | None
    percent: float | None
    passed: bool | None
    created_at: datetime
    updated_at: datetime
    version: int


class Sheet(msgspec.Struct, frozen=True):
    """What an attempt asks, as JSON. `is_revealed`: whether its learner may know what is right.

    `questions`: with what is right, so never to be shown as it is. `answers`: None until it is submitted.
    """

    attempt_id: UUID
    questions: str
    answers: str | None
    is_revealed: bool


class Submission(msgspec.Struct, frozen=True):
    """An attempt that is about to be graded, and where it counts. `questions`: JSON, with what is right."""

    attempt: QuizAttempt
    questions: str
    lesson_id: UUID
    completes_lesson: bool


# Attempts by id, of enrollments the reader may see.
FIND_VISIBLE = Statement(
    "quiz_attempt.find_visible",
    f"""SELECT a.id, a.quiz_id, a.enrollment_id, a.number, a.started_at, a.ends_at, a.submitted_at,
      a.pass_percent, a.points, a.earned, a.percent, a.passed, a.created_at, a.updated_at, a.version
    FROM {{schema}}.quiz_attempt a
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = a.enrollment_id
    WHERE a.tenant_id = $1 AND a.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})""",  # noqa: S608 - constants
)

# Of each of many enrollments the best submitted attempt at each quiz, of equal ones the first.
BEST_OF_ENROLLMENTS = Statement(
    "quiz_attempt.best_of_enrollments",
    f"""SELECT a.id, a.quiz_id, a.enrollment_id, a.number, a.started_at, a.ends_at, a.submitted_at,
      a.pass_percent, a.points, a.earned, a.percent, a.passed, a.created_at, a.updated_at, a.version
    FROM {{schema}}.enrollment e CROSS JOIN LATERAL (
      SELECT DISTINCT ON (quiz_id) * FROM {{schema}}.quiz_attempt
      WHERE tenant_id = $1 AND enrollment_id = e.id AND submitted_at IS NOT NULL
      ORDER BY quiz_id, percent DESC, number) AS a
    WHERE e.tenant_id = $1 AND e.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})
    ORDER BY a.created_at, a.id""",  # noqa: S608 - constants
)

# What attempts ask, of enrollments the reader may see. What is right is revealed as the quiz says now: after
# the last attempt means that all that are allowed are over, whichever enrollments of the person they are of:
# submitted, out of time before $5, or of an enrollment that is withdrawn.
SHEETS = Statement(
    "quiz_attempt.sheets",
    f"""SELECT a.id AS attempt_id, a.questions::text AS questions, a.answers::text AS answers,
      a.submitted_at IS NOT NULL AND (q.reveal = 'after_submission' OR (q.reveal = 'after_last_attempt' AND (
        SELECT count(*) FROM {{schema}}.enrollment w
        JOIN {{schema}}.quiz_attempt o ON o.tenant_id = $1 AND o.enrollment_id = w.id
        WHERE w.tenant_id = $1 AND w.user_id = e.user_id AND w.course_id = e.course_id
          AND o.quiz_id = a.quiz_id
          AND (o.submitted_at IS NOT NULL OR o.ends_at < $5::timestamptz OR w.status = 'withdrawn')
      ) >= q.allowed_attempts)) IS TRUE AS is_revealed
    FROM {{schema}}.quiz_attempt a
    JOIN {{schema}}.quiz q ON q.tenant_id = $1 AND q.id = a.quiz_id
    JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = a.enrollment_id
    WHERE a.tenant_id = $1 AND a.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$6")})""",  # noqa: S608 - constants
)

# The last attempt of an enrollment, which is held, at a quiz, or where it has none, one of an earlier
# enrollment of the person; and how many all of these have.
LATEST = Statement(
    "quiz_attempt.latest",
    """SELECT a.id, a.quiz_id, a.enrollment_id, a.number, a.started_at, a.ends_at, a.submitted_at,
      a.pass_percent, a.points, a.earned, a.percent, a.passed, a.created_at, a.updated_at, a.version,
      count(*) OVER () AS attempts
    FROM {schema}.enrollment h
    JOIN {schema}.enrollment e ON e.tenant_id = $1 AND e.user_id = h.user_id AND e.course_id = h.course_id
    JOIN {schema}.quiz_attempt a ON a.tenant_id = $1 AND a.enrollment_id = e.id
    WHERE h.tenant_id = $1 AND h.id = $2::uuid AND a.quiz_id = $3::uuid
    ORDER BY a.enrollment_id = h.id DESC, a.number DESC LIMIT 1""",
)

# A new attempt.
INSERT = Statement(
    "quiz_attempt.insert",
    """INSERT INTO {schema}.quiz_attempt
      (tenant_id, id, quiz_id, enrollment_id, number, started_at, ends_at, pass_percent, points, questions,
       created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::uuid, $4::uuid, $5::int, $6::timestamptz, $7::timestamptz, $8::int, $9::int,
      $10::jsonb, $11::timestamptz, $12::timestamptz, $13::int)""",
)

# Attempts that were made elsewhere, in one statement however many; those that are here already stay.
INSERT_MANY = Statement(
    "quiz_attempt.insert_many",
    """INSERT INTO {schema}.quiz_attempt
      (tenant_id, id, quiz_id, enrollment_id, number, started_at, ends_at, submitted_at, pass_percent, points,
       earned, percent, passed, created_at, updated_at, version, questions, answers)
    SELECT $1::uuid, id, quiz_id, enrollment_id, number, started_at, ends_at, submitted_at, pass_percent,
      points, earned, percent, passed, created_at, updated_at, version, questions::jsonb, answers::jsonb
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::timestamptz[], $7::timestamptz[],
      $8::timestamptz[], $9::int[], $10::int[], $11::int[], $12::float8[], $13::boolean[],
      $14::timestamptz[], $15::timestamptz[], $16::int[], $17::text[], $18::text[])
      AS entry (id, quiz_id, enrollment_id, number, started_at, ends_at, submitted_at, pass_percent, points,
        earned, percent, passed, created_at, updated_at, version, questions, answers)
    ON CONFLICT (tenant_id, enrollment_id, quiz_id, number) DO NOTHING""",
)

# An attempt with what it asks and where it counts, whoever may see it.
SUBMISSION = Statement(
    "quiz_attempt.submission",
    """SELECT a.id, a.quiz_id, a.enrollment_id, a.number, a.started_at, a.ends_at, a.submitted_at,
      a.pass_percent, a.points, a.earned, a.percent, a.passed, a.created_at, a.updated_at, a.version,
      a.questions::text AS questions, q.lesson_id, q.completes_lesson
    FROM {schema}.quiz_attempt a JOIN {schema}.quiz q ON q.tenant_id = $1 AND q.id = a.quiz_id
    WHERE a.tenant_id = $1 AND a.id = $2::uuid""",
)

# Grade an attempt, once.
GRADE = Statement(
    "quiz_attempt.grade",
    """UPDATE {schema}.quiz_attempt
    SET submitted_at = $3::timestamptz, earned = $4::int, percent = $5::float8, passed = $6::boolean,
      answers = $7::jsonb, updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND submitted_at IS NULL
    RETURNING id, quiz_id, enrollment_id, number, started_at, ends_at, submitted_at, pass_percent, points,
      earned, percent, passed, created_at, updated_at, version""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[QuizAttempt]:
    return await session.fetch_rows(
        QuizAttempt, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager
    )


async def best_of_enrollments(
    session: ShardSession, scope: Scope, enrollment_ids: Sequence[UUID]
) -> Sequence[QuizAttempt]:
    """One of each quiz that was submitted, in the order they were begun."""
    return await session.fetch_rows(
        QuizAttempt, BEST_OF_ENROLLMENTS, scope.everything, scope.user, enrollment_ids, scope.manager
    )


async def sheets(
    session: ShardSession, scope: Scope, ids: Sequence[UUID], *, over_before: datetime
) -> list[Sheet]:
    """`over_before`: an attempt whose time ended earlier takes no answers any more."""
    rows = await session.fetch(SHEETS, scope.everything, scope.user, ids, over_before, scope.manager)
    return [Sheet(*row) for row in rows]


async def latest(session: ShardSession, enrollment_id: UUID, quiz_id: UUID) -> tuple[QuizAttempt | None, int]:
    """The enrollment's last one, and how many the person has, in enrollments that they withdrew from too."""
    row = await session.fetch_row(LATEST, enrollment_id, quiz_id)
    if row is None:
        return None, 0
    attempt = QuizAttempt(*row[:-1])
    return (attempt if attempt.enrollment_id == enrollment_id else None), row[-1]


async def insert(session: ShardSession, attempt: QuizAttempt, questions: str) -> None:
    """`questions`: JSON. The enrollment must be held."""
    await session.execute(
        INSERT,
        attempt.id,
        attempt.quiz_id,
        attempt.enrollment_id,
        attempt.number,
        attempt.started_at,
        attempt.ends_at,
        attempt.pass_percent,
        attempt.points,
        questions,
        attempt.created_at,
        attempt.updated_at,
        attempt.version,
    )


async def insert_many(session: ShardSession, attempts: Sequence[tuple[QuizAttempt, str, str | None]]) -> None:
    """Each with its questions, and its answers if it is submitted, as JSON. Raise `ForeignKeyError`."""
    rows = [(*msgspec.structs.astuple(attempt), *texts) for attempt, *texts in attempts]
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def find_submission(session: ShardSession, id_: UUID) -> Submission | None:
    row = await session.fetch_row(SUBMISSION, id_)
    return None if row is None else Submission(QuizAttempt(*row[:-3]), *row[-3:])


async def grade(
    session: ShardSession,
    id_: UUID,
    *,
    submitted_at: datetime,
    earned: int,
    percent: float,
    passed: bool,
    answers: str,
) -> QuizAttempt | None:
    """`answers`: JSON. None: absent, or graded already."""
    row = await session.fetch_row(GRADE, id_, submitted_at, earned, percent, passed, answers)
    return None if row is None else QuizAttempt(*row)
