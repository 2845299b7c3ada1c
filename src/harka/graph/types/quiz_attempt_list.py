"""Lists of attempts at quizzes: an enrollment's, a quiz's; the same filter and orders for both."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
import strawberry

from harka.errors import ValidationError
from harka.graph.context import Info, RequestContext
from harka.graph.enums import AttemptState, OrderDirection
from harka.graph.field import graph_input, value
from harka.graph.loaders.quiz_attempt import (
    QuizAttemptCountByEnrollmentLoader,
    QuizAttemptCountByQuizLoader,
    QuizAttemptsByEnrollmentLoader,
    QuizAttemptsByQuizLoader,
)
from harka.graph.order_enums import QuizAttemptOrder
from harka.graph.pagination import After, Asked, Below, First, Slice, ordered, paginate_below
from harka.ids import NodeKind
from harka.learning import quiz_attempt
from harka.learning.moment import accept_moment
from harka.repositories.enrollment import Enrollment
from harka.repositories.page import Position
from harka.repositories.quiz import Quiz
from harka.repositories.quiz_attempt import QuizAttempt
from harka.repositories.quiz_attempt_list import ALL
from harka.repositories.quiz_attempt_list import QuizAttemptFilter as Only

_WHOLE: Final = 100


@graph_input
class QuizAttemptFilter:
    """Which attempts; what is omitted leaves out none.

    Who has not passed: `{state: SUBMITTED, passed: false}`.
    """

    state: AttemptState | None = value("Only those that stand so.", default=None)
    passed: bool | None = value(
        "Only those that passed, or were submitted and did not; none that is not submitted.", default=None
    )
    quiz_id: strawberry.ID | None = value("Only those at this quiz.", default=None)
    user_id: strawberry.ID | None = value("Only those of this user.", default=None)
    percent_from: float | None = value("Only those that earned so much or more: 0 to 100.", default=None)
    percent_below: float | None = value("Only those that earned less: 0 to 100.", default=None)
    started_from: datetime | None = value("Only those begun then or later.", default=None)
    started_before: datetime | None = value("Only those begun before then.", default=None)
    submitted_from: datetime | None = value("Only those submitted then or later.", default=None)
    submitted_before: datetime | None = value("Only those submitted before then.", default=None)


@graph_input
class QuizAttemptOrderBy:
    """How attempts are ordered."""

    field: QuizAttemptOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    QuizAttemptFilter | None,
    strawberry.argument(name="filter", description="Which attempts; omit it for all."),
]
Ordered = Annotated[
    QuizAttemptOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")
]


def attempts_of(
    root: Enrollment,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of an enrollment's attempts."""
    only, order = _accepted(info.context, matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[QuizAttempt]:
        return await quiz_attempt.page_of_enrollment(
            info.context.work, root.id, only, after=position, first=limit, order=order
        )

    below = Below(
        name="enrollment.quizAttempts",
        parent=root.id,
        rows=QuizAttemptsByEnrollmentLoader,
        counts=QuizAttemptCountByEnrollmentLoader,
        asked=(order, only),
        bound=_bound(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def attempts_at(
    root: Quiz,
    info: Info,
    first: First,
    after: After = None,
    matching: Matching = None,
    order_by: Ordered = None,
) -> Awaitable[Slice]:
    """A page of the attempts at a quiz."""
    only, order = _accepted(info.context, matching), ordered(order_by)

    async def rest(position: Position, limit: int) -> Sequence[QuizAttempt]:
        return await quiz_attempt.page_of_quiz(
            info.context.work, root.id, only, after=position, first=limit, order=order
        )

    below = Below(
        name="quiz.attempts",
        parent=root.id,
        rows=QuizAttemptsByQuizLoader,
        counts=QuizAttemptCountByQuizLoader,
        asked=(order, only),
        bound=_bound(only),
    )
    return paginate_below(info.context, below, order=order, first=first, after=after, rest=rest)


def _accepted(context: RequestContext, given: QuizAttemptFilter | None) -> Only:
    if given is None:
        return ALL
    quiz, user = given.quiz_id, given.user_id
    return Only(
        state=given.state,
        passed=given.passed,
        quiz_id=None if quiz is None else context.open_id(NodeKind.QUIZ, quiz, "filter.quizId"),
        user_id=None if user is None else context.open_id(NodeKind.USER, user, "filter.userId"),
        percent_from=_percent(given.percent_from, "filter.percentFrom"),
        percent_below=_percent(given.percent_below, "filter.percentBelow"),
        started_from=_moment(given.started_from, "filter.startedFrom"),
        started_before=_moment(given.started_before, "filter.startedBefore"),
        submitted_from=_moment(given.submitted_from, "filter.submittedFrom"),
        submitted_before=_moment(given.submitted_before, "filter.submittedBefore"),
    )


def _percent(given: float | None, field: str) -> float | None:
    if given is not None and not 0 <= given <= _WHOLE:
        raise ValidationError("This is between 0 and 100.", field=field)
    return given


def _moment(given: datetime | None, field: str) -> datetime | None:
    return None if given is None else accept_moment(given, field)


def _bound(only: Only) -> tuple[Asked, ...]:
    """The filter as a cursor is bound to it."""
    return () if only == ALL else msgspec.structs.astuple(only)
