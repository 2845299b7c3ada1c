from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import quiz, quiz_question
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_question import MOST_QUESTIONS, QuestionChanges, QuestionDraft
from harka.repositories.quiz import Quiz
from quizzes import DRAFTS, MULTIPLE, NUMERIC, SHORT, SINGLE, TRUTH, taken, taught


async def empty(academy: Academy) -> Quiz:
    one, _ = await taught(academy)
    async with academy.work() as work:
        return await quiz.create(work, one.id, QuizDraft(title="Quiz"))


async def prompts(academy: Academy, of: Quiz) -> list[str]:
    """In order; the places have no gaps."""
    async with academy.work(read_only=True) as work:
        found = list((await quiz_question.by_quiz(work, [of.id])).get(of.id, []))
    assert [each.position for each in found] == list(range(len(found)))
    return [each.prompt for each in found]


async def test_questions_of_every_kind_come_in_order(academy: Academy) -> None:
    of = await empty(academy)
    for draft in DRAFTS:
        async with academy.work() as work:
            made = await quiz_question.create(work, of.id, draft)
        # the quiz, its lesson, the course held, the quiz touched, a count, the question
        assert academy.statements == 6
        assert (made.kind, made.points, made.version) == (draft.kind, draft.points, 1)
    async with academy.work(read_only=True) as work:
        found = (await quiz_question.by_quiz(work, [of.id]))[of.id]
        after = await quiz.require(work, of.id)
    assert [each.prompt for each in found] == [each.prompt for each in DRAFTS]
    assert [list(each.correct_choices) for each in found] == [[1], [1, 2], [], [], []]
    assert (found[4].correct_number, found[4].tolerance, found[3].accepted_texts) == (
        *(0.3, 0.1, ["Straße", "Road"]),
    )
    assert (after.version, after.question_count) == (6, 5)


@pytest.mark.parametrize(
    ("draft", "given", "field"),
    [
        (SINGLE, {"kind": "essay"}, "kind"),
        (SINGLE, {"prompt": " "}, "prompt"),
        (SINGLE, {"prompt": "X" * 5001}, "prompt"),
        (SINGLE, {"points": 0}, "points"),
        (SINGLE, {"points": 1001}, "points"),
        (SINGLE, {"options": ["One"]}, "options"),
        (SINGLE, {"options": ["Same", "Same "]}, "options"),
        (SINGLE, {"options": ["", "X"]}, "options.0"),
        (SINGLE, {"options": [str(n) for n in range(21)]}, "options"),
        (SINGLE, {"correct_choices": []}, "correctChoices"),
        (SINGLE, {"correct_choices": [0, 1]}, "correctChoices"),
        (MULTIPLE, {"correct_choices": [3]}, "correctChoices"),
        (MULTIPLE, {"correct_choices": [-1]}, "correctChoices"),
        (MULTIPLE, {"correct_choices": [1, 1]}, "correctChoices"),
        (MULTIPLE, {"is_true": True}, "isTrue"),
        (TRUTH, {"is_true": None}, "isTrue"),
        (TRUTH, {"options": ["A", "B"]}, "options"),
        (TRUTH, {"correct_choices": [0]}, "correctChoices"),
        (SHORT, {"accepted_texts": []}, "acceptedTexts"),
        (SHORT, {"accepted_texts": ["X\0"]}, "acceptedTexts.0"),
        (SHORT, {"accepted_texts": [str(n) for n in range(21)]}, "acceptedTexts"),
        (SHORT, {"correct_number": 1.0}, "correctNumber"),
        (NUMERIC, {"correct_number": None}, "correctNumber"),
        (NUMERIC, {"correct_number": float("inf")}, "correctNumber"),
        (NUMERIC, {"tolerance": -0.1}, "tolerance"),
        (NUMERIC, {"tolerance": float("nan")}, "tolerance"),
        (NUMERIC, {"accepted_texts": ["X"]}, "acceptedTexts"),
        (TRUTH, {"tolerance": 1.0}, "tolerance"),
    ],
)
async def test_what_cannot_be_a_question_is_refused_by_field(
    academy: Academy, draft: QuestionDraft, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await quiz_question.create(work, new_id(), msgspec.structs.replace(draft, **given))
    assert (refused.value.field, academy.statements) == (field, 0)


async def test_only_what_is_given_changes_once_for_a_version(academy: Academy) -> None:
    of = await empty(academy)
    async with academy.work() as work:
        made = await quiz_question.create(work, of.id, NUMERIC)
    async with academy.work() as work:
        changed = await quiz_question.update(work, made.id, QuestionChanges(tolerance=None), version=1)
    assert (changed.tolerance, changed.correct_number, changed.version) == (0.0, 0.3, 2)
    before = await academy.state()
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await quiz_question.update(work, made.id, QuestionChanges(points=2), version=1)
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await quiz_question.update(work, made.id, QuestionChanges(options=["A", "B"]), version=2)
    assert await academy.state() == before


async def test_questions_are_put_into_order_and_taken_away(academy: Academy) -> None:
    of, other = await empty(academy), await taken(academy)
    async with academy.work() as work:
        ids = [(await quiz_question.create(work, of.id, each)).id for each in (SINGLE, TRUTH, SHORT)]
        foreign = (await quiz_question.by_quiz(work, [other.quiz.id]))[other.quiz.id][0].id
        arranged = await quiz_question.reorder(work, of.id, ids[::-1], version=4)
    assert arranged.version == 5
    assert await prompts(academy, of) == [each.prompt for each in (SHORT, TRUTH, SINGLE)]
    before = await academy.state()
    for wrong in ([], ids[:2], [*ids, foreign], [*ids[:2], foreign], [ids[0]] * 3):
        with pytest.raises(ValidationError) as refused:
            async with academy.work() as work:
                await quiz_question.reorder(work, of.id, wrong, version=5)
        assert refused.value.field == "quizQuestionIds"
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await quiz_question.reorder(work, of.id, ids, version=4)
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await quiz_question.delete(work, ids[2], version=1)
    assert await academy.state() == before
    async with academy.work() as work:
        left = await quiz_question.delete(work, ids[2], version=2)
    assert (left.version, left.question_count) == (6, 2)
    assert await prompts(academy, of) == [TRUTH.prompt, SINGLE.prompt]


async def test_a_quiz_has_only_so_many(academy: Academy) -> None:
    of = await empty(academy)
    async with academy.work() as work:
        for _ in range(MOST_QUESTIONS):
            await quiz_question.create(work, of.id, TRUTH)
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await quiz_question.create(work, of.id, TRUTH)
    assert refused.value.field == "quizId"


async def test_who_does_not_write_courses_neither_reads_nor_changes_them(
    academy: Academy, rival: Academy
) -> None:
    of = await taken(academy)
    async with academy.work() as work:
        one = (await quiz_question.by_quiz(work, [of.quiz.id]))[of.quiz.id][0]
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    changes = (
        lambda work: quiz_question.create(work, of.quiz.id, TRUTH),
        lambda work: quiz_question.update(work, one.id, QuestionChanges(points=3), version=1),
        lambda work: quiz_question.reorder(work, of.quiz.id, [one.id], version=of.quiz.version),
        lambda work: quiz_question.delete(work, one.id, version=1),
    )
    reads = (
        lambda work: quiz_question.find_many(work, [one.id]),
        lambda work: quiz_question.by_quiz(work, [of.quiz.id]),
    )
    for context in (of.acting, instructor):
        for forbidden in (*changes, *reads):
            with pytest.raises(ForbiddenError):
                async with academy.work(context) as work:
                    await forbidden(work)
            assert academy.statements == 0
    for change in changes:
        with pytest.raises(NotFoundError):
            async with rival.work() as work:
                await change(work)
    for read in reads:
        async with rival.work() as work:
            assert await read(work) == {}
    assert await academy.state() == before
