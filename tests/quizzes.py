"""A quiz with a question of each kind, for the tests of quizzes; and who takes it."""

import secrets
from typing import Any, NamedTuple
from uuid import UUID

from academy import Academy
from harka.codec import from_json
from harka.learning import content, course, quiz, quiz_question
from harka.learning.content import ContentDraft
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_grading import Answer
from harka.learning.quiz_question import QuestionDraft
from harka.learning.work import UnitOfWork
from harka.repositories.content import ContentItem
from harka.repositories.enrollment import Enrollment
from harka.repositories.lesson import Lesson
from harka.repositories.quiz import Quiz
from harka.repositories.user import User
from harka.storage.statement import Statement
from harka.tenancy.context import TenantContext

SINGLE = QuestionDraft(kind="single", prompt="Which is red?", options=["Sky", "Blood"], correct_choices=[1])
MULTIPLE = QuestionDraft(
    kind="multiple", prompt="Which are even?", points=2, options=["1", "2", "4"], correct_choices=[2, 1]
)
TRUTH = QuestionDraft(kind="true_false", prompt="Is it true?", is_true=True)
SHORT = QuestionDraft(kind="short", prompt="What is it called?", accepted_texts=["Straße", "Road"])
NUMERIC = QuestionDraft(kind="numeric", prompt="How far?", points=5, correct_number=0.3, tolerance=0.1)
DRAFTS = (SINGLE, MULTIPLE, TRUTH, SHORT, NUMERIC)
POINTS = 10


class Taken(NamedTuple):
    """A quiz that a course shows, and one who takes the course."""

    quiz: Quiz
    item: ContentItem
    lesson: Lesson
    learner: User
    enrollment: Enrollment
    acting: TenantContext


async def write(
    work: UnitOfWork, lesson_id: UUID, draft: QuizDraft, *questions: QuestionDraft
) -> tuple[Quiz, ContentItem]:
    """Shown by an item of the lesson."""
    made = await quiz.create(work, lesson_id, draft)
    for each in questions or DRAFTS:
        await quiz_question.create(work, made.id, each)
    item = await content.create(work, lesson_id, ContentDraft(kind="quiz", title="Quiz", quiz_id=made.id))
    return await quiz.require(work, made.id), item


async def taught(academy: Academy) -> list[Lesson]:
    """Two lessons of a published course, in a module each."""
    modules = tuple(ModuleOutline(name, (LessonOutline(name),)) for name in "AB")
    draft = CourseDraft(title="X", code=secrets.token_hex(4), modules=modules, published=True)
    async with academy.work() as work:
        of = await course.create(work, draft)
    return list(await academy.lessons(of))


async def taken(academy: Academy, *questions: QuestionDraft, **settings: Any) -> Taken:
    """In a new course of two lessons. `settings`: of the quiz."""
    lesson = (await taught(academy))[0]
    async with academy.work() as work:
        made, item = await write(work, lesson.id, QuizDraft(title="Quiz", **settings), *questions)
        of = (await course.find_many(work, [lesson.course_id]))[lesson.course_id]
    learner = await academy.user()
    enrolled = await academy.enrollment(learner, of)
    return Taken(made, item, lesson, learner, enrolled, academy.acting(learner))


SHEET = Statement(
    "test.sheet", "SELECT questions FROM {schema}.quiz_attempt WHERE tenant_id = $1 AND id = $2::uuid"
)


async def right(academy: Academy, attempt_id: UUID) -> list[Answer]:
    """All that earns the points of an attempt."""
    async with academy.work(read_only=True) as work:
        asked = from_json(await work.session.fetch_value(SHEET, attempt_id))
    answers = {
        "single": lambda each: {"choices": each["correct_choices"]},
        "multiple": lambda each: {"choices": each["correct_choices"]},
        "true_false": lambda each: {"is_true": each["is_true"]},
        "short": lambda each: {"text": each["accepted_texts"][0]},
        "numeric": lambda each: {"number": each["correct_number"]},
    }
    return [Answer(question_id=UUID(each["id"]), **answers[each["kind"]](each)) for each in asked]


LATE = Statement(
    "test.late",
    """UPDATE {schema}.quiz_attempt
    SET started_at = started_at - $3::int * interval '1 s', ends_at = ends_at - $3::int * interval '1 s'
    WHERE tenant_id = $1 AND id = $2::uuid""",
)


async def pass_time(academy: Academy, attempt_id: UUID, seconds: int) -> None:
    """As if an attempt had been begun earlier."""
    async with academy.work() as work:
        await work.session.execute(LATE, attempt_id, seconds)
