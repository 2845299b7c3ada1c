"""Lists of attempts at quizzes: narrowed by a filter, in an order, a page at a time."""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.repositories.page import (
    BEFORE_ALL,
    CREATED,
    OLDEST_FIRST,
    Condition,
    Key,
    Order,
    Position,
    beginnings,
    narrowed,
    pages,
)
from harka.repositories.quiz_attempt import QuizAttempt
from harka.repositories.scope import Scope, managed
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class QuizAttemptOrder(enum.StrEnum):
    """By which attribute. What is not submitted comes before all that is."""

    CREATED_AT = "created_at"
    SUBMITTED_AT = "submitted_at"
    PERCENT = "percent"


class QuizAttemptFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None leaves out nothing. `state`: see `learning.quiz_attempt.state_of`.

    `…_from` matches itself, `…_before` and `…_below` do not.
    """

    state: str | None = None
    passed: bool | None = None
    quiz_id: UUID | None = None
    user_id: UUID | None = None
    percent_from: float | None = None
    percent_below: float | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    submitted_from: datetime | None = None
    submitted_before: datetime | None = None


ALL: Final = QuizAttemptFilter()

# By CASE, since COALESCE is not leakproof to PostgreSQL.
_KEYS: Final[Mapping[str, Key]] = {
    QuizAttemptOrder.CREATED_AT: CREATED,
    QuizAttemptOrder.SUBMITTED_AT: Key(
        f"CASE WHEN submitted_at IS NULL THEN '{BEFORE_ALL}'::timestamptz ELSE submitted_at END",
        "timestamptz",
    ),
    QuizAttemptOrder.PERCENT: Key("CASE WHEN percent IS NULL THEN '-1'::float8 ELSE percent END", "float8"),
}

_TAKER: Final = """SELECT FROM {schema}.enrollment e
      WHERE e.tenant_id = $1 AND e.id = quiz_attempt.enrollment_id"""

# What the reader sees, and the filter leaves. The parameters are the scope, $2 to $4, the moment before which
# an attempt had to end so that it takes no answers any more, and the fields of the filter.
_MATCHES: Final = f"""($2::boolean OR EXISTS ({_TAKER}
      AND (e.user_id = $3::uuid OR {managed("e.user_id", "$4")}))) AND """ + narrowed(
    Condition(
        "text",
        "CASE WHEN submitted_at IS NOT NULL THEN 'submitted' WHEN ends_at <= $5::timestamptz "
        "THEN 'expired' ELSE 'in_progress' END = {}",
    ),
    Condition("boolean", "passed = {}"),
    Condition("uuid", "quiz_id = {}"),
    Condition("uuid", f"EXISTS ({_TAKER} AND e.user_id = {{}})"),
    Condition("float8", "percent >= {}"),
    Condition("float8", "percent < {}"),
    Condition("timestamptz", "started_at >= {}"),
    Condition("timestamptz", "started_at < {}"),
    Condition("timestamptz", "submitted_at >= {}"),
    Condition("timestamptz", "submitted_at < {}"),
    begin=6,
)

# One page of an enrollment's attempts.
PAGES_OF_ENROLLMENT = pages(
    "quiz_attempt.page_of_enrollment",
    f"""SELECT id, quiz_id, enrollment_id, number, started_at, ends_at, submitted_at, pass_percent, points,
      earned, percent, passed, created_at, updated_at, version
    FROM {{schema}}.quiz_attempt
    WHERE tenant_id = $1 AND enrollment_id = $16::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $17""",  # noqa: S608 - constants
    _KEYS,
    position=18,
)

# One page of the attempts at a quiz.
PAGES_OF_QUIZ = pages(
    "quiz_attempt.page_of_quiz",
    f"""SELECT id, quiz_id, enrollment_id, number, started_at, ends_at, submitted_at, pass_percent, points,
      earned, percent, passed, created_at, updated_at, version
    FROM {{schema}}.quiz_attempt
    WHERE tenant_id = $1 AND quiz_id = $16::uuid AND {_MATCHES} {{after}}
    ORDER BY {{order}} LIMIT $17""",  # noqa: S608 - constants
    _KEYS,
    position=18,
)

# The first attempts of each of many enrollments.
FIRST_OF_ENROLLMENTS = beginnings(
    "quiz_attempt.first_of_enrollments",
    f"""SELECT a.id, a.quiz_id, a.enrollment_id, a.number, a.started_at, a.ends_at, a.submitted_at,
      a.pass_percent, a.points, a.earned, a.percent, a.passed, a.created_at, a.updated_at, a.version
    FROM unnest($16::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.quiz_attempt
      WHERE tenant_id = $1 AND enrollment_id = parent_id AND {_MATCHES}
      ORDER BY {{order}} LIMIT $17) AS a
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS,
)

# The first attempts at each of many quizzes.
FIRST_OF_QUIZZES = beginnings(
    "quiz_attempt.first_of_quizzes",
    f"""SELECT a.id, a.quiz_id, a.enrollment_id, a.number, a.started_at, a.ends_at, a.submitted_at,
      a.pass_percent, a.points, a.earned, a.percent, a.passed, a.created_at, a.updated_at, a.version
    FROM unnest($16::uuid[]) AS parent (parent_id) CROSS JOIN LATERAL (
      SELECT * FROM {{schema}}.quiz_attempt
      WHERE tenant_id = $1 AND quiz_id = parent_id AND {_MATCHES}
      ORDER BY {{order}} LIMIT $17) AS a
    ORDER BY {{order}}""",  # noqa: S608 - constants
    _KEYS,
)

# How many attempts each of many enrollments has.
COUNT_OF_ENROLLMENTS = Statement(
    "quiz_attempt.count_of_enrollments",
    f"""SELECT enrollment_id AS parent, count(*) AS attempts FROM {{schema}}.quiz_attempt
    WHERE tenant_id = $1 AND enrollment_id = ANY($16::uuid[]) AND {_MATCHES}
    GROUP BY enrollment_id""",  # noqa: S608 - constants
)

# How many attempts at each of many quizzes there are.
COUNT_OF_QUIZZES = Statement(
    "quiz_attempt.count_of_quizzes",
    f"""SELECT quiz_id AS parent, count(*) AS attempts FROM {{schema}}.quiz_attempt
    WHERE tenant_id = $1 AND quiz_id = ANY($16::uuid[]) AND {_MATCHES}
    GROUP BY quiz_id""",  # noqa: S608 - constants
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempts a reader asks for. `over_before`: one that ended then or earlier takes no answers."""

    scope: Scope
    over_before: datetime
    only: QuizAttemptFilter = ALL

    def values(self) -> tuple[object, ...]:
        scope = self.scope
        matches = msgspec.structs.astuple(self.only)
        return scope.everything, scope.user, scope.manager, self.over_before, *matches


async def page_of_enrollment(
    session: ShardSession,
    asked: Asked,
    enrollment_id: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[QuizAttempt]:
    statement = PAGES_OF_ENROLLMENT[order].of(after)
    return await session.fetch_rows(
        QuizAttempt, statement, *asked.values(), enrollment_id, first, *(after or ())
    )


async def page_of_quiz(
    session: ShardSession,
    asked: Asked,
    quiz_id: UUID,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[QuizAttempt]:
    statement = PAGES_OF_QUIZ[order].of(after)
    return await session.fetch_rows(QuizAttempt, statement, *asked.values(), quiz_id, first, *(after or ()))


async def first_of_enrollments(
    session: ShardSession,
    asked: Asked,
    enrollment_ids: Sequence[UUID],
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[QuizAttempt]:
    """The first `first` of each enrollment, in the order."""
    statement = FIRST_OF_ENROLLMENTS[order]
    return await session.fetch_rows(QuizAttempt, statement, *asked.values(), enrollment_ids, first)


async def first_of_quizzes(
    session: ShardSession,
    asked: Asked,
    quiz_ids: Sequence[UUID],
    *,
    first: int,
    order: Order = OLDEST_FIRST,
) -> Sequence[QuizAttempt]:
    """The first `first` at each quiz, in the order."""
    return await session.fetch_rows(QuizAttempt, FIRST_OF_QUIZZES[order], *asked.values(), quiz_ids, first)


async def count_of_enrollments(
    session: ShardSession, asked: Asked, enrollment_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """Enrollments without any are left out."""
    rows = await session.fetch(COUNT_OF_ENROLLMENTS, *asked.values(), enrollment_ids)
    return {row["parent"]: row["attempts"] for row in rows}


async def count_of_quizzes(session: ShardSession, asked: Asked, quiz_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Quizzes without any are left out."""
    rows = await session.fetch(COUNT_OF_QUIZZES, *asked.values(), quiz_ids)
    return {row["parent"]: row["attempts"] for row in rows}
