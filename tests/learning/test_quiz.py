from typing import Any

import msgspec
import pytest

import quizzes
from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import content, course, lesson, quiz, quiz_attempt, unlock
from harka.learning.content import ContentDraft
from harka.learning.quiz import MOST_QUIZZES, QuizChanges, QuizDraft
from harka.learning.unlock import UnlockRules
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission
from quizzes import POINTS, Taken, taken, taught

QUIZ = QuizDraft(title="Quiz")


async def seen(academy: Academy, of: Taken, context: TenantContext) -> set[bool]:
    """Whether the quiz is, by each way."""
    async with academy.work(context, read_only=True) as work:
        by_id = await quiz.find_many(work, [of.quiz.id])
        by_lesson = await quiz.by_lesson(work, [of.lesson.id])
    return {of.quiz.id in by_id, of.lesson.id in by_lesson}


async def test_a_quiz_is_written_and_changed_once_for_a_version(academy: Academy) -> None:
    one, _ = await taught(academy)
    async with academy.work() as work:
        made = await quiz.create(work, one.id, QUIZ)
    # the lesson, its course held, the quizzes beside, the quiz
    assert academy.statements == 4
    assert (made.pass_percent, made.reveal, made.is_shown, made.version) == (100, "never", False, 1)
    changes = QuizChanges(title=" New ", time_limit_seconds=60, reveal="after_submission")
    async with academy.work() as work:
        changed = await quiz.update(work, made.id, changes, version=1)
    assert (changed.title, changed.time_limit_seconds, changed.reveal, changed.version) == (
        *("New", 60, "after_submission", 2),
    )
    async with academy.work() as work:
        changed = await quiz.update(work, made.id, QuizChanges(time_limit_seconds=None), version=2)
    assert (changed.title, changed.time_limit_seconds) == ("New", None)
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await quiz.update(work, made.id, changes, version=1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "X" * 201}, "title"),
        ({"description": "X\0"}, "description"),
        ({"time_limit_seconds": 9}, "timeLimitSeconds"),
        ({"time_limit_seconds": 86_401}, "timeLimitSeconds"),
        ({"allowed_attempts": 0}, "allowedAttempts"),
        ({"allowed_attempts": 101}, "allowedAttempts"),
        ({"pass_percent": 101}, "passPercent"),
        ({"pass_percent": -1}, "passPercent"),
        ({"reveal": "soon"}, "reveal"),
    ],
)
async def test_what_cannot_be_a_quiz_is_refused_by_field(
    academy: Academy, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await quiz.create(work, new_id(), msgspec.structs.replace(QUIZ, **given))
    assert (refused.value.field, academy.statements) == (field, 0)


async def test_one_quiz_of_a_lesson_completes_it(academy: Academy) -> None:
    one, two = await taught(academy)
    completing = QuizDraft(title="X", completes_lesson=True)
    async with academy.work() as work:
        first = await quiz.create(work, one.id, completing)
        await quiz.create(work, two.id, completing)
        other = await quiz.create(work, one.id, QUIZ)
    before = await academy.state()
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await quiz.create(work, one.id, completing)
    assert refused.value.field == "completesLesson"
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await quiz.update(work, other.id, QuizChanges(completes_lesson=True), version=1)
    assert (refused.value.field, await academy.state()) == ("completesLesson", before)
    async with academy.work() as work:
        await quiz.update(work, first.id, QuizChanges(title="Y"), version=1)
        await quiz.update(work, first.id, QuizChanges(completes_lesson=False), version=2)
        await quiz.update(work, other.id, QuizChanges(completes_lesson=True), version=1)


async def test_a_lesson_has_only_so_many(academy: Academy) -> None:
    one, _ = await taught(academy)
    async with academy.work() as work:
        for _ in range(MOST_QUIZZES):
            await quiz.create(work, one.id, QUIZ)
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await quiz.create(work, one.id, QUIZ)
    assert refused.value.field == "lessonId"


async def test_an_item_shows_a_quiz_of_its_own_lesson_once(academy: Academy) -> None:
    of, other = await taken(academy), await taken(academy)
    assert (of.item.kind, of.item.quiz_id, of.quiz.is_shown) == ("quiz", of.quiz.id, True)
    assert (of.quiz.question_count, of.quiz.points) == (5, POINTS)
    before = await academy.state()
    absent = new_id()
    for quiz_id, error in (
        (of.quiz.id, ConflictError),
        (other.quiz.id, NotFoundError),
        (absent, NotFoundError),
    ):
        draft = ContentDraft(kind="quiz", title="X", quiz_id=quiz_id)
        with pytest.raises(error) as refused:
            async with academy.work() as work:
                await content.create(work, of.lesson.id, draft)
        assert refused.value.field == "quizId"  # type: ignore[attr-defined]  # of both errors
    for given in ({"kind": "quiz"}, {"kind": "text", "text": "X", "quiz_id": absent}):
        with pytest.raises(ValidationError) as wrong:
            async with academy.work() as work:
                await content.create(work, of.lesson.id, ContentDraft(title="X", **given))  # type: ignore[arg-type]  # several types
        assert wrong.value.field == "quizId"
    assert await academy.state() == before


async def test_a_quiz_is_for_who_takes_the_course_once_it_is_shown_and_for_authors(
    academy: Academy, rival: Academy
) -> None:
    of = await taken(academy)
    stranger, instructor, manager = [
        academy.acting(await academy.user(role)) for role in ("learner", "instructor", "manager")
    ]
    for context in (of.acting, instructor, manager):
        assert await seen(academy, of, context) == {True}
    for context in (stranger, academy.key(Permission.COURSE_READ)):
        assert await seen(academy, of, context) == {False}
    assert await seen(rival, of, rival.operator) == {False}
    async with academy.work() as work:
        await content.delete(work, of.item.id, version=1)
    assert [await seen(academy, of, context) for context in (of.acting, manager)] == [{False}, {True}]


async def test_a_quiz_of_a_locked_lesson_is_absent(academy: Academy) -> None:
    of = await taken(academy)
    async with academy.work() as work:
        rules = UnlockRules(opens_after_days=9)
        await unlock.set_rules(work, of.lesson.module_id, rules, version=1)
    assert await seen(academy, of, of.acting) == {False}


async def test_a_quiz_goes_with_its_item_and_attempts_only_when_they_may(academy: Academy) -> None:
    of = await taken(academy)
    async with academy.work() as work:
        await content.create(work, of.lesson.id, ContentDraft(kind="text", title="After", text="X"))
    async with academy.work(of.acting) as work:
        await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=of.quiz.id)
    before = await academy.state()
    for version, given in ((1, {"with_attempts": True}), (of.quiz.version, {})):
        with pytest.raises(ConflictError):
            async with academy.work() as work:
                await quiz.delete(work, of.quiz.id, version=version, **given)
    assert await academy.state() == before
    async with academy.work() as work:
        await quiz.delete(work, of.quiz.id, version=of.quiz.version, with_attempts=True)
    for table in ("quiz", "quiz_question", "quiz_attempt"):
        assert await academy.rows(table) == []
    assert [(row["title"], row["position"]) for row in await academy.rows("content_item")] == [("After", 0)]


async def test_a_lesson_that_learners_began_by_its_quiz_keeps_it(academy: Academy) -> None:
    of = await taken(academy)
    async with academy.work(of.acting) as work:
        await quiz_attempt.start(work, enrollment_id=of.enrollment.id, quiz_id=of.quiz.id)
    (version,) = {row["version"] for row in await academy.rows("lesson") if row["id"] == str(of.lesson.id)}
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await lesson.delete(work, of.lesson.id, version=version)
    async with academy.work() as work:
        await lesson.delete(work, of.lesson.id, version=version, with_progress=True)
    for table in ("quiz", "quiz_question", "quiz_attempt", "content_item"):
        assert await academy.rows(table) == []


async def test_who_may_not_write_courses_or_is_elsewhere_changes_nothing(
    academy: Academy, rival: Academy
) -> None:
    of = await taken(academy)
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    for where, context, error in (
        (academy, of.acting, ForbiddenError),
        (academy, instructor, ForbiddenError),
        (rival, rival.operator, NotFoundError),
    ):
        for change in (
            lambda work: quiz.create(work, of.lesson.id, QUIZ),
            lambda work: quiz.update(work, of.quiz.id, QuizChanges(title="X"), version=of.quiz.version),
            lambda work: quiz.delete(work, of.quiz.id, version=of.quiz.version),
        ):
            with pytest.raises(error):
                async with where.work(context) as work:
                    await change(work)
    assert await academy.state() == before
    async with academy.work() as work:
        await course.archive(work, of.lesson.course_id)
    with pytest.raises(ConflictError, match="archived"):
        async with academy.work() as work:
            await quizzes.write(work, of.lesson.id, QUIZ)
