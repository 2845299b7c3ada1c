"""The parts of an answer are of one moment, also where a field needs several statements."""

from contextvars import ContextVar

import pytest

import quizzes
from harka.graph.loaders.content import ContentItemsByLessonLoader
from harka.ids import NodeKind
from harka.learning import content, enrollment
from harka.learning.content import ContentDraft
from harka.learning.quiz import QuizDraft
from harka.repositories import content as contents
from harka.storage.wire import Wire
from school import School

LESSONS = "query ($course: ID!) { course(id: $course) { modules { lessons { title %s } } } }"
DOCUMENTS = {
    "content": LESSONS % "contentItems { title }",
    "content and work": LESSONS % "contentItems { title } assignments { title } quizzes { title }",
    "one quiz": "query ($quiz: ID!) { quiz(id: $quiz) { title } }",
    "paths": "{ learningPaths(first: 5) { totalCount nodes { courses { title } } } }",
    "pages of two sizes": """query ($learner: ID!) { user(id: $learner) {
      a: enrollments(first: 1) { nodes { status } } b: enrollments(first: 2) { nodes { status } } } }""",
}
IS_ASKED: ContextVar[bool] = ContextVar("is_asked", default=False)
"""Whether it is the request that reads: other tasks of the process may, too."""
EXECUTORS = pytest.mark.parametrize("executor", ["compiled", "graphql-core"])


async def asked(school: School, text: str) -> dict[str, str]:
    """Variables, of what there is to read."""
    lesson = school.lessons[school.courses[0].id][0]
    async with school.work() as work:
        shown, _ = await quizzes.write(work, lesson.id, QuizDraft(title="Shown"), quizzes.TRUTH)
    values = {
        "course": school.id(NodeKind.COURSE, school.courses[0]),
        "quiz": school.id(NodeKind.QUIZ, shown),
        "learner": school.id(NodeKind.USER, school.learner),
    }
    return {name: value for name, value in values.items() if f"${name}" in text}


@EXECUTORS
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_learner_reads_one_snapshot(
    school: School, monkeypatch: pytest.MonkeyPatch, name: str, executor: str
) -> None:
    text = DOCUMENTS[name]
    values, school = await asked(school, text), school.with_settings(executor=executor)
    await school.ask(text, values, caller=school.learner)
    begun, led_in = list[bool](), Wire.led_in

    def noted(wire: Wire, tenant: bytes, milliseconds: int, *, read_only: bool, alone: bool) -> bytes:
        if IS_ASKED.get():
            begun.append(alone)
        return led_in(wire, tenant, milliseconds, read_only=read_only, alone=alone)

    monkeypatch.setattr(Wire, "led_in", noted)
    IS_ASKED.set(True)
    reply = await school.ask(text, values, caller=school.learner)
    assert reply.data
    # who asks is read before, alone
    assert begun == [True, False]


@EXECUTORS
@pytest.mark.fails_plans
@pytest.mark.parametrize("is_known", [True, False])
async def test_what_is_told_is_what_could_be_seen_then(
    school: School, monkeypatch: pytest.MonkeyPatch, executor: str, *, is_known: bool
) -> None:
    """Between the question whether they may and the reading they leave, and something is added.

    `is_known`: that the loader sends several statements.
    """
    text = DOCUMENTS["content"]
    values, served = await asked(school, text), school.with_settings(executor=executor)
    await served.ask(text, values, caller=school.learner)
    monkeypatch.setattr(ContentItemsByLessonLoader, "several", is_known)
    find, raced = contents.find_by_lessons, list[bool]()

    async def race(*args: object) -> object:
        if not raced:
            raced.append(True)
            async with school.work() as work:
                left = school.enrollment_of(school.learner, school.courses[0])
                await enrollment.unenroll(work, left.id)
                lesson = school.lessons[school.courses[0].id][0]
                draft = ContentDraft(kind="text", title="Too late", text="x")
                await content.create(work, lesson.id, draft)
        return await find(*args)

    monkeypatch.setattr(contents, "find_by_lessons", race)
    reply = await served.ask(text, values, caller=school.learner)
    assert raced
    assert "Too late" not in str(reply.body)
