from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class QuizQuestion(msgspec.Struct, frozen=True):
    """With what is right, which is for authors only.

    `options`: what is chosen from, of single and multiple choice. `correct_choices`: places in `options`.
    `is_true`: of true or false. `correct_number` and `tolerance`: of a number. `accepted_texts`: of a text.
    """

    id: UUID
    quiz_id: UUID
    position: int
    kind: str
    prompt: str
    points: int
    options: list[str]
    correct_choices: list[int]
    is_true: bool | None
    correct_number: float | None
    tolerance: float | None
    accepted_texts: list[str]
    created_at: datetime
    updated_at: datetime
    version: int


# Questions by id, for authors.
FIND_BY_IDS = Statement(
    "quiz_question.find_by_ids",
    """SELECT id, quiz_id, position, kind, prompt, points, options, correct_choices, is_true, correct_number,
      tolerance, accepted_texts, created_at, updated_at, version
    FROM {schema}.quiz_question WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# The questions of quizzes, in order.
FIND_BY_QUIZZES = Statement(
    "quiz_question.find_by_quizzes",
    """SELECT id, quiz_id, position, kind, prompt, points, options, correct_choices, is_true, correct_number,
      tolerance, accepted_texts, created_at, updated_at, version
    FROM {schema}.quiz_question WHERE tenant_id = $1 AND quiz_id = ANY($2::uuid[])
    ORDER BY quiz_id, position, id""",
)

# How many questions a quiz has.
COUNT = Statement(
    "quiz_question.count",
    "SELECT count(*) FROM {schema}.quiz_question WHERE tenant_id = $1 AND quiz_id = $2::uuid",
)

# A new question.
INSERT = Statement(
    "quiz_question.insert",
    """INSERT INTO {schema}.quiz_question
      (tenant_id, id, quiz_id, position, kind, prompt, points, options, correct_choices, is_true,
       correct_number, tolerance, accepted_texts, created_at, updated_at, version)
    VALUES ($1, $2::uuid, $3::uuid, $4::int, $5::text, $6::text, $7::int, $8::text[], $9::int[], $10::boolean,
      $11::float8, $12::float8, $13::text[], $14::timestamptz, $15::timestamptz, $16::int)""",
)

# Write what a question asks, unless someone else changed it.
UPDATE = Statement(
    "quiz_question.update",
    """UPDATE {schema}.quiz_question
    SET prompt = $4::text, points = $5::int, options = $6::text[], correct_choices = $7::int[],
      is_true = $8::boolean, correct_number = $9::float8, tolerance = $10::float8,
      accepted_texts = $11::text[], updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, quiz_id, position, kind, prompt, points, options, correct_choices, is_true, correct_number,
      tolerance, accepted_texts, created_at, updated_at, version""",
)

# Put all questions of a quiz into the given order; answers whether exactly those were given.
REORDER = Statement(
    "quiz_question.reorder",
    """WITH wanted AS (
      SELECT id, place - 1 AS position FROM unnest($3::uuid[]) WITH ORDINALITY AS given (id, place)
    ), matched AS (
      SELECT (SELECT count(*) FROM wanted) = count(n.id) AND count(w.id) = count(n.id) AS exact
      FROM {schema}.quiz_question n LEFT JOIN wanted w ON w.id = n.id
      WHERE n.tenant_id = $1 AND n.quiz_id = $2::uuid
    ), moved AS (
      UPDATE {schema}.quiz_question n
      SET position = w.position, updated_at = now(), version = version + 1
      FROM wanted w, matched
      WHERE n.tenant_id = $1 AND n.quiz_id = $2::uuid AND n.id = w.id AND n.position <> w.position
        AND matched.exact
    )
    SELECT exact FROM matched""",
)

# Take a question away, unless someone else changed it; those behind it move up.
DELETE = Statement(
    "quiz_question.delete",
    """WITH gone AS (
      DELETE FROM {schema}.quiz_question n
      WHERE n.tenant_id = $1 AND n.id = $2::uuid AND n.version = $3::int
      RETURNING n.quiz_id, n.position
    ), moved AS (
      UPDATE {schema}.quiz_question n SET position = n.position - 1, updated_at = now(), version = version + 1
      FROM gone WHERE n.tenant_id = $1 AND n.quiz_id = gone.quiz_id AND n.position > gone.position
    )
    SELECT count(*) FROM gone""",
)


async def find_by_ids(session: ShardSession, ids: Sequence[UUID]) -> Sequence[QuizQuestion]:
    """In no particular order, unknown ids are left out."""
    return await session.fetch_rows(QuizQuestion, FIND_BY_IDS, ids)


async def find_by_quizzes(session: ShardSession, quiz_ids: Sequence[UUID]) -> Sequence[QuizQuestion]:
    """Grouped by quiz, in order."""
    return await session.fetch_rows(QuizQuestion, FIND_BY_QUIZZES, quiz_ids)


async def count(session: ShardSession, quiz_id: UUID) -> int:
    return int(await session.fetch_value(COUNT, quiz_id))


async def insert(session: ShardSession, question: QuizQuestion) -> None:
    await session.execute(INSERT, *msgspec.structs.astuple(question))


async def update(session: ShardSession, question: QuizQuestion) -> QuizQuestion | None:
    """What `question` asks, if it is still of this version. None: absent, or of another version."""
    row = await session.fetch_row(
        UPDATE,
        question.id,
        question.version,
        question.prompt,
        question.points,
        question.options,
        question.correct_choices,
        question.is_true,
        question.correct_number,
        question.tolerance,
        question.accepted_texts,
    )
    return None if row is None else QuizQuestion(*row)


async def reorder(session: ShardSession, quiz_id: UUID, ids: Sequence[UUID]) -> bool:
    """Whether `ids`, which differ, are all questions of the quiz; otherwise nothing is done."""
    return bool(await session.fetch_value(REORDER, quiz_id, ids))


async def delete(session: ShardSession, id_: UUID, version: int) -> bool:
    """Whether it was there, of this version."""
    return bool(await session.fetch_value(DELETE, id_, version))
