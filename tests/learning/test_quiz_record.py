"""Attempts that were made elsewhere."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import quizzes
from academy import Academy
from harka.errors import ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import quiz_attempt, quiz_record
from harka.learning.quiz_grading import Answer, Asked
from harka.learning.quiz_record import AttemptEntry

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
QUESTION = Asked(id=new_id(), kind="true_false", prompt="Is it?", points=2, is_true=True)


def entry(of: quizzes.Taken, **changes: Any) -> AttemptEntry:
    made = AttemptEntry(
        quiz_id=of.quiz.id,
        enrollment_id=of.enrollment.id,
        number=1,
        started_at=AT,
        ends_at=None,
        submitted_at=AT,
        pass_percent=50,
        questions=[QUESTION],
        answers=[Answer(question_id=QUESTION.id, is_true=True)],
    )
    return msgspec.structs.replace(made, **changes)


async def test_they_are_graded_here_and_kept_once(academy: Academy) -> None:
    of = await quizzes.taken(academy)
    wrong = entry(of, number=2, answers=[Answer(question_id=QUESTION.id, is_true=False)])
    begun = entry(of, number=3, submitted_at=None, answers=None)
    for _ in range(2):
        async with academy.work() as work:
            await quiz_record.record_many(work, [entry(of), wrong, begun])
    async with academy.work() as work:
        found = await quiz_attempt.page_of_enrollment(work, of.enrollment.id, after=None, first=9)
        sheets = await quiz_record.sheets_by_attempt(work, [each.id for each in found])
    told = sorted((each.number, each.percent, each.passed, each.submitted_at) for each in found)
    assert told == [(1, 100.0, True, AT), (2, 0.0, False, AT), (3, None, None, None)]
    answers = {each.number: sheets[each.id].answers for each in found}
    assert (answers[1], answers[3]) == (entry(of).answers, None)
    assert all(sheet.questions == [QUESTION] for sheet in sheets.values())
    # no lesson is finished by it
    assert await academy.rows("lesson_progress") == []


async def test_what_is_no_attempt_is_refused(academy: Academy) -> None:
    of = await quizzes.taken(academy)
    stranger = [Answer(question_id=new_id(), is_true=True)]
    for changes, refused in (
        ({"number": 0}, ValidationError),
        ({"questions": []}, ValidationError),
        ({"pass_percent": 101}, ValidationError),
        ({"answers": stranger}, ValidationError),
        ({"started_at": datetime(9000, 1, 1, tzinfo=UTC)}, ValidationError),
        ({"quiz_id": new_id()}, NotFoundError),
    ):
        with pytest.raises(refused):
            async with academy.work() as work:
                await quiz_record.record_many(work, [entry(of, **changes)])
    assert await academy.rows("quiz_attempt") == []


async def test_learners_neither_record_nor_read_what_is_right(academy: Academy) -> None:
    of = await quizzes.taken(academy)
    async with academy.work(of.acting) as work:
        with pytest.raises(ForbiddenError):
            await quiz_record.record_many(work, [entry(of)])
        with pytest.raises(ForbiddenError):
            await quiz_record.sheets_by_attempt(work, [new_id()])
