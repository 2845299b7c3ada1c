import asyncio
from typing import Any
from uuid import UUID

import pytest

import quizzes
from academy import Academy
from harka.errors import (
    AttemptExpiredError,
    ConflictError,
    ForbiddenError,
    LessonLockedError,
    NoAttemptLeftError,
    NotFoundError,
    QuizRequiredError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import (
    content,
    enrollment,
    lesson,
    progress,
    progress_batch,
    quiz,
    quiz_attempt,
    quiz_question,
    unlock,
)
from harka.learning.progress import ProgressEntry
from harka.learning.quiz import QuizChanges, QuizDraft
from harka.learning.quiz_attempt import GRACE, MOST_ATTEMPTS, AttemptState, Started, Submitted, state_of
from harka.learning.quiz_grading import Answer
from harka.learning.quiz_question import QuestionChanges
from harka.learning.quiz_sheet import AskedQuestion
from harka.learning.unlock import UnlockRules
from harka.storage.statement import Statement
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission
from quizzes import POINTS, Taken, pass_time, right, taken, taught


async def start(academy: Academy, of: Taken, context: TenantContext | None = None) -> Started:
    async with academy.work(context or of.acting) as work:
        return await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=of.quiz.id)


async def submit(
    academy: Academy, of: Taken, attempt_id: UUID, answers: list[Answer], context: TenantContext | None = None
) -> Submitted:
    async with academy.work(context or of.acting) as work:
        return await quiz_attempt.submit(work, attempt_id, answers)


async def asked(academy: Academy, of: Taken, attempt_id: UUID) -> list[AskedQuestion]:
    """As the learner sees it."""
    async with academy.work(of.acting, read_only=True) as work:
        return (await quiz_attempt.questions_by_attempt(work, [attempt_id]))[attempt_id]


async def test_what_is_right_earns_its_points_and_passes(academy: Academy) -> None:
    of = await taken(academy, completes_lesson=True)
    begun = await start(academy, of)
    # the quiz, the enrollment held, the quiz kept, the last attempt, the questions, the attempt, the lesson
    assert academy.statements == 7
    attempt = begun.attempt
    assert (begun.created, attempt.number, attempt.points, attempt.ends_at) == (True, 1, POINTS, None)
    assert (state_of(attempt), attempt.earned, attempt.passed) == (AttemptState.IN_PROGRESS, None, None)
    done = await submit(academy, of, attempt.id, await right(academy, attempt.id))
    # the attempt, the enrollment held, the grade, the lesson, the course
    assert academy.statements == 5
    graded = done.attempt
    assert (graded.earned, graded.percent, graded.passed, graded.version) == (POINTS, 100.0, True, 2)
    assert (done.changed, done.completed, done.enrollment.progress) == (True, False, 0.5)
    assert state_of(graded) == AttemptState.SUBMITTED
    (row,) = await academy.rows("lesson_progress")
    assert (row["lesson_id"], row["fraction"], row["score"]) == (str(of.lesson.id), 1, 100)


async def test_what_is_not_answered_earns_nothing_and_the_best_attempt_stays(academy: Academy) -> None:
    of = await taken(academy, pass_percent=20)
    scores = []
    for answered in (0, 2, 1):
        attempt = (await start(academy, of)).attempt
        answers = (await right(academy, attempt.id))[:answered]
        done = await submit(academy, of, attempt.id, answers)
        scores.append((done.attempt.number, done.attempt.earned, done.attempt.percent, done.attempt.passed))
    assert scores == [(1, 0, 0, False), (2, 3, 30, True), (3, 1, 10, False)]
    async with academy.work(of.acting, read_only=True) as work:
        best = (await quiz_attempt.best_by_enrollment(work, [of.enrollment.id]))[of.enrollment.id]
        page = await quiz_attempt.page_of_enrollment(work, of.enrollment.id, after=None, first=2)
        counted = await quiz_attempt.count_by_enrollment(work, [of.enrollment.id])
    assert [each.number for each in best] == [2]
    assert ([each.number for each in page], counted) == ([1, 2], {of.enrollment.id: 3})
    # it does not complete the lesson, which is begun all the same
    (row,) = await academy.rows("lesson_progress")
    assert (row["fraction"], row["score"]) == (0, None)


async def test_submitting_again_answers_what_came_of_it_first(academy: Academy) -> None:
    of = await taken(academy, completes_lesson=True)
    attempt = (await start(academy, of)).attempt
    first = await submit(academy, of, attempt.id, [])
    state = await academy.state()
    again = await submit(academy, of, attempt.id, await right(academy, attempt.id))
    assert (again.attempt, again.changed, again.completed) == (first.attempt, False, False)
    async with academy.work() as work:
        await enrollment.unenroll(work, of.enrollment.id)
    state = await academy.state()
    assert (await submit(academy, of, attempt.id, [])).attempt == first.attempt
    assert await academy.state() == state


async def test_two_starts_at_once_share_the_last_attempt(academy: Academy) -> None:
    of = await taken(academy, allowed_attempts=1)
    both = await asyncio.gather(*(start(academy, of) for _ in range(6)))
    assert len({each.attempt.id for each in both}) == 1
    assert [each.created for each in both].count(True) == 1
    assert len(await academy.rows("quiz_attempt")) == 1
    answers = await right(academy, both[0].attempt.id)
    done = await asyncio.gather(*(submit(academy, of, both[0].attempt.id, answers) for _ in range(4)))
    assert [each.changed for each in done].count(True) == 1
    assert {each.attempt.earned for each in done} == {POINTS}
    with pytest.raises(NoAttemptLeftError):
        await start(academy, of)


async def test_any_number_of_attempts_ends_somewhere(academy: Academy) -> None:
    of = await taken(academy)
    attempt = (await start(academy, of)).attempt
    await submit(academy, of, attempt.id, [])
    text = """INSERT INTO {schema}.quiz_attempt
      (tenant_id, id, quiz_id, enrollment_id, number, started_at, submitted_at, pass_percent, points, earned,
       percent, passed, questions, answers)
    SELECT tenant_id, uuidv7(), quiz_id, enrollment_id, n, started_at, submitted_at, pass_percent, points,
      earned, percent, passed, questions, answers
    FROM {schema}.quiz_attempt, generate_series(2, $2::int) n WHERE tenant_id = $1"""
    async with academy.work() as work:
        await work.session.execute(Statement("test.number", text), MOST_ATTEMPTS - 1)
    last = (await start(academy, of)).attempt
    await submit(academy, of, last.id, [])
    with pytest.raises(NoAttemptLeftError):
        await start(academy, of)


async def test_an_attempt_is_over_when_its_time_and_the_grace_are(academy: Academy) -> None:
    of = await taken(academy, allowed_attempts=2, time_limit_seconds=60, reveal="after_last_attempt")
    attempt = (await start(academy, of)).attempt
    assert attempt.ends_at is not None
    assert (attempt.ends_at - attempt.started_at).total_seconds() == 60
    answers = await right(academy, attempt.id)
    await pass_time(academy, attempt.id, 60 + int(GRACE.total_seconds()) - 5)
    assert not (await start(academy, of)).created
    await pass_time(academy, attempt.id, 5)
    before = await academy.state()
    with pytest.raises(AttemptExpiredError) as late:
        await submit(academy, of, attempt.id, answers)
    assert (late.value.field, await academy.state()) == ("quizAttemptId", before)
    # it counts: one is left, which is in time although its time is over
    last = (await start(academy, of)).attempt
    assert last.number == 2
    await pass_time(academy, last.id, 70)
    assert (await submit(academy, of, last.id, await right(academy, last.id))).attempt.passed
    with pytest.raises(NoAttemptLeftError):
        await start(academy, of)
    assert (await asked(academy, of, last.id))[0].is_correct is True
    # who did not submit is told nothing
    assert (await asked(academy, of, attempt.id))[0].correct_choices is None


def keys(question: AskedQuestion) -> list[Any]:
    return [
        question.is_correct,
        question.correct_choices,
        question.is_true,
        question.correct_number,
        question.tolerance,
        question.accepted_texts,
    ]


@pytest.mark.parametrize(
    ("reveal", "told"),
    [
        ("never", [False, False]),
        ("after_submission", [True, True]),
        ("after_last_attempt", [False, True]),
    ],
)
async def test_what_is_right_is_told_when_the_quiz_says_so(
    academy: Academy, reveal: str, told: list[bool]
) -> None:
    of = await taken(academy, allowed_attempts=2, reveal=reveal)
    for is_told in told:
        attempt = (await start(academy, of)).attempt
        before = await asked(academy, of, attempt.id)
        assert [keys(each) for each in before] == [[None] * 6] * 5
        await submit(academy, of, attempt.id, (await right(academy, attempt.id))[1:])
        after = await asked(academy, of, attempt.id)
        # the questions themselves, and which options come first, are as they were
        assert [(each.question_id, each.options) for each in after] == [
            (each.question_id, each.options) for each in before
        ]
        assert [each.is_correct for each in after] == [
            place > 0 if is_told else None for place in range(len(after))
        ]
        assert any(any(keys(each)[1:]) for each in after) == is_told
    # of the last one the answers; what was not chosen is not
    assert after[0].chosen is None
    assert {after[1].options[place] for place in after[1].chosen or ()} == {"2", "4"}
    assert (after[2].said_true, after[3].text, after[4].number) == (True, "Straße", 0.3)


async def test_authors_know_what_is_right_at_any_time(academy: Academy) -> None:
    of = await taken(academy)
    attempt = (await start(academy, of)).attempt
    for role, knows in (("instructor", False), ("manager", True)):
        async with academy.work(academy.acting(await academy.user(role)), read_only=True) as work:
            shown = (await quiz_attempt.questions_by_attempt(work, [attempt.id]))[attempt.id]
        assert ([each.is_correct for each in shown] == [False] * 5) is knows
        assert (shown[4].correct_number == 0.3) is knows


async def test_options_come_in_an_order_of_chance_where_the_author_says_so(academy: Academy) -> None:
    options = [str(n) for n in range(20)]
    question = quizzes.QuestionDraft(kind="single", prompt="?", options=options, correct_choices=[0])
    for shuffles in (True, False):
        of = await taken(academy, question, shuffles_options=shuffles)
        orders = []
        for _ in range(2):
            attempt = (await start(academy, of)).attempt
            orders.append((await asked(academy, of, attempt.id))[0].options)
            done = await submit(academy, of, attempt.id, await right(academy, attempt.id))
            assert done.attempt.passed
        assert sorted(orders[0], key=int) == options
        # twenty of them alike twice: once in 10^18 runs
        assert (orders[0] != orders[1]) is shuffles


async def test_an_attempt_keeps_the_questions_it_began_with(academy: Academy) -> None:
    of = await taken(academy, quizzes.TRUTH, quizzes.NUMERIC, pass_percent=50)
    attempt = (await start(academy, of)).attempt
    answers = await right(academy, attempt.id)
    async with academy.work() as work:
        truth, number = (await quiz_question.by_quiz(work, [of.quiz.id]))[of.quiz.id]
        await quiz_question.update(work, truth.id, QuestionChanges(is_true=False, points=9), version=1)
        await quiz_question.delete(work, number.id, version=1)
        await quiz.update(work, of.quiz.id, QuizChanges(pass_percent=100), version=4)
    assert [each.prompt for each in await asked(academy, of, attempt.id)] == ["Is it true?", "How far?"]
    done = await submit(academy, of, attempt.id, answers[1:])
    assert (done.attempt.earned, done.attempt.points, done.attempt.passed) == (5, 6, True)


@pytest.mark.parametrize(
    ("place", "given", "field"),
    [
        (0, {}, "answers.0.choices"),
        (0, {"choices": [0, 1]}, "answers.0.choices"),
        (0, {"choices": [2]}, "answers.0.choices"),
        (0, {"choices": [-1]}, "answers.0.choices"),
        (0, {"choices": [0], "text": "x"}, "answers.0.text"),
        (1, {"choices": [1, 1]}, "answers.0.choices"),
        (2, {"choices": [0]}, "answers.0.choices"),
        (3, {"text": "x" * 1001}, "answers.0.text"),
        (3, {"text": "x\0"}, "answers.0.text"),
        (4, {"number": float("nan")}, "answers.0.number"),
        (4, {"text": "1"}, "answers.0.text"),
    ],
)
async def test_an_answer_that_cannot_be_is_refused_and_the_attempt_goes_on(
    academy: Academy, place: int, given: dict[str, Any], field: str
) -> None:
    of = await taken(academy)
    attempt = (await start(academy, of)).attempt
    answers = await right(academy, attempt.id)
    before = await academy.state()
    with pytest.raises(ValidationError) as refused:
        await submit(academy, of, attempt.id, [Answer(question_id=answers[place].question_id, **given)])
    assert (refused.value.field, await academy.state()) == (field, before)


async def test_questions_of_elsewhere_twice_or_too_many_are_refused(academy: Academy) -> None:
    of = await taken(academy)
    attempt = (await start(academy, of)).attempt
    answers = await right(academy, attempt.id)
    elsewhere = Answer(question_id=new_id(), is_true=True)
    for wrong, field in (
        ([elsewhere], "answers.0.quizQuestionId"),
        ([answers[0], answers[0]], "answers.1.quizQuestionId"),
        ([*answers, elsewhere], "answers"),
    ):
        with pytest.raises(ValidationError) as refused:
            await submit(academy, of, attempt.id, wrong)
        assert refused.value.field == field


async def test_a_quiz_that_is_not_shown_there_reads_like_none(academy: Academy) -> None:
    of, other = await taken(academy), await taken(academy)
    async with academy.work() as work:
        hidden = await quiz.create(work, of.lesson.id, QuizDraft(title="Hidden"))
        empty, _ = await quizzes.write(work, of.lesson.id, QuizDraft(title="Empty"), quizzes.TRUTH)
        (only,) = (await quiz_question.by_quiz(work, [empty.id]))[empty.id]
        await quiz_question.delete(work, only.id, version=1)
    texts = set()
    for id_ in (hidden.id, other.quiz.id, new_id()):
        with pytest.raises(NotFoundError) as absent:
            async with academy.work(of.acting) as work:
                await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=id_)
        assert (absent.value.field, academy.statements) == ("quizId", 2)
        texts.add(absent.value.message)
    assert len(texts) == 1
    with pytest.raises(ConflictError, match="no questions"):
        async with academy.work(of.acting) as work:
            await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=empty.id)


async def test_somebody_elses_attempt_reads_like_none(academy: Academy, rival: Academy) -> None:
    of, other = await taken(academy), await taken(academy)
    attempt = (await start(academy, of)).attempt
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    for where, context in ((academy, other.acting), (academy, instructor), (rival, rival.operator)):
        for quiz_id in (of.quiz.id, new_id()):
            with pytest.raises(NotFoundError) as absent:
                async with where.work(context) as work:
                    await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=quiz_id)
            assert absent.value.field == "enrollmentId"
        for id_ in (attempt.id, new_id()):
            with pytest.raises(NotFoundError) as absent:
                async with where.work(context) as work:
                    await quiz_attempt.submit(work, id_, [])
            assert absent.value.field == "quizAttemptId"
    for where, context, sees in (
        (academy, of.acting, True),
        (academy, instructor, True),
        (academy, other.acting, False),
        (rival, rival.operator, False),
    ):
        async with where.work(context, read_only=True) as work:
            found = await quiz_attempt.find_many(work, [attempt.id])
            asking = await quiz_attempt.questions_by_attempt(work, [attempt.id])
            page = await quiz_attempt.page_of_enrollment(work, of.enrollment.id, after=None, first=9)
            pages = await quiz_attempt.pages_by_enrollment(work, [of.enrollment.id], first=9)
        assert {attempt.id in found, attempt.id in asking, bool(page), bool(pages)} == {sees}
    reader = academy.key(Permission.ENROLLMENT_READ, Permission.COURSE_READ)
    with pytest.raises(ForbiddenError):
        await start(academy, of, reader)
    assert await academy.state() == before


async def test_who_has_left_or_is_before_a_locked_lesson_does_not_begin(academy: Academy) -> None:
    of = await taken(academy)
    begin, end = await taught(academy)
    async with academy.work() as work:
        made, _ = await quizzes.write(work, end.id, QuizDraft(title="Later"))
        await unlock.set_rules(work, end.module_id, UnlockRules(requires=[begin.module_id]), version=1)
        later = (await enrollment.enroll(work, user_id=of.learner.id, course_id=end.course_id)).enrollment
    with pytest.raises(LessonLockedError) as locked:
        async with academy.work(of.acting) as work:
            await quiz_attempt.start(work, enrollment_id=later.id, quiz_id=made.id)
    assert locked.value.field == "quizId"
    attempt = (await start(academy, of)).attempt
    async with academy.work() as work:
        await enrollment.unenroll(work, of.enrollment.id)
    with pytest.raises(ConflictError, match="withdrawn"):
        await start(academy, of)
    with pytest.raises(ConflictError, match="withdrawn"):
        await submit(academy, of, attempt.id, [])


async def test_a_lesson_that_a_quiz_finishes_is_finished_by_nothing_else_of_a_learners(
    academy: Academy,
) -> None:
    of = await taken(academy, completes_lesson=True)
    ids = {"enrollment_id": of.enrollment.id, "lesson_id": of.lesson.id}
    whole = ProgressEntry(**ids, fraction=1)
    async with academy.work(of.acting) as work:
        half = await progress.record(work, **ids, fraction=0.5)
    assert half.changed
    before = await academy.state()
    with pytest.raises(QuizRequiredError) as refused:
        async with academy.work(of.acting) as work:
            await progress.record(work, **ids, fraction=1)
    assert refused.value.field == "fraction"
    with pytest.raises(QuizRequiredError) as refused:
        async with academy.work(of.acting) as work:
            await progress.record(work, **ids, fraction=0.5, score=100)
    assert refused.value.field == "score"
    async with academy.work(of.acting) as work:
        batch = await progress_batch.record(work, [whole, ProgressEntry(**ids, fraction=0.5, score=100)])
    assert [type(each.refused) for each in batch.fates] == [QuizRequiredError] * 2
    assert await academy.state() == before
    # who enrolls people may decide so
    async with academy.work(academy.acting(await academy.user("manager"))) as work:
        assert (await progress_batch.record(work, [whole])).fates[0].changed


async def test_it_does_so_while_no_item_shows_it(academy: Academy) -> None:
    of = await taken(academy, completes_lesson=True)
    async with academy.work() as work:
        await content.delete(work, of.item.id, version=1)
    before = await academy.state()
    whole = ProgressEntry(enrollment_id=of.enrollment.id, lesson_id=of.lesson.id, fraction=1)
    with pytest.raises(QuizRequiredError):
        async with academy.work(of.acting) as work:
            await progress.record(work, enrollment_id=of.enrollment.id, lesson_id=of.lesson.id, fraction=1)
    async with academy.work(of.acting) as work:
        (fate,) = (await progress_batch.record(work, [whole])).fates
    assert isinstance(fate.refused, QuizRequiredError)
    assert await academy.state() == before


async def test_passing_the_last_lesson_completes_the_course(academy: Academy) -> None:
    of = await taken(academy, completes_lesson=True)
    async with academy.work(of.acting) as work:
        found = await lesson.by_course(work, [of.lesson.course_id])
        (other,) = [each for each in found[of.lesson.course_id] if each.id != of.lesson.id]
        await progress.record(work, enrollment_id=of.enrollment.id, lesson_id=other.id, fraction=1)
    attempt = (await start(academy, of)).attempt
    done = await submit(academy, of, attempt.id, await right(academy, attempt.id))
    assert (done.completed, done.enrollment.status) == (True, "completed")
    (completion,) = await academy.rows("completion")
    assert completion["score"] == 100
