from typing import Any

import pytest

from harka.ids import NodeKind
from school import School

FIELDS = """id title description timeLimitSeconds allowedAttempts passPercent reveal completesLesson
  shufflesOptions isShown questionCount points version"""
CREATE = f"""mutation ($input: CreateQuizInput!) {{ createQuiz(input: $input) {{
  errors {{ code field }} quiz {{ {FIELDS} lesson {{ title }} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateQuizInput!) {{ updateQuiz(input: $input) {{
  errors {{ code field }} quiz {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($input: DeleteQuizInput!) { deleteQuiz(input: $input) {
  errors { code field } lesson { version contentItems { title } quizzes { title } } } }"""
SHOW = """mutation ($input: CreateContentItemInput!) { createContentItem(input: $input) {
  errors { code field } contentItem { kind url quiz { title isShown } } } }"""


def lesson_id(school: School) -> str:
    return school.id(NodeKind.LESSON, school.lessons[school.courses[1].id][0])


async def create(school: School, **given: Any) -> Any:
    reply = await school.ask(CREATE, {"input": {"lessonId": lesson_id(school), "title": "Exam", **given}})
    return reply.data["createQuiz"]["quiz"]


async def test_a_quiz_is_written_changed_shown_and_taken_away(school: School) -> None:
    made = await create(school, timeLimitSeconds=600, allowedAttempts=2, reveal="AFTER_LAST_ATTEMPT")
    id_ = made.pop("id")
    assert made == {
        "title": "Exam",
        "description": "",
        "timeLimitSeconds": 600,
        "allowedAttempts": 2,
        "passPercent": 100,
        "reveal": "AFTER_LAST_ATTEMPT",
        "completesLesson": False,
        "shufflesOptions": True,
        "isShown": False,
        "questionCount": 0,
        "points": 0,
        "version": 1,
        "lesson": {"title": "First"},
    }
    given = {"id": id_, "version": 1, "allowedAttempts": None, "completesLesson": True, "reveal": "NEVER"}
    changed = (await school.ask(UPDATE, {"input": given})).data["updateQuiz"]["quiz"]
    assert (changed["allowedAttempts"], changed["completesLesson"], changed["timeLimitSeconds"]) == (
        *(None, True, 600),
    )
    assert (await school.ask(UPDATE, {"input": given})).code == "CONFLICT"
    item = {"lessonId": lesson_id(school), "kind": "QUIZ", "title": "To do", "quizId": id_}
    shown = (await school.ask(SHOW, {"input": item})).data["createContentItem"]["contentItem"]
    assert shown == {"kind": "QUIZ", "url": None, "quiz": {"title": "Exam", "isShown": True}}
    assert (await school.ask(SHOW, {"input": item})).code == "CONFLICT"
    gone = await school.ask(DELETE, {"input": {"quizId": id_, "version": 2}})
    assert gone.data["deleteQuiz"]["lesson"] == {"version": 3, "contentItems": [], "quizzes": []}


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"title": "\0"}, "title", "VALIDATION_FAILED"),
        ({"title": ""}, "title", "VALIDATION_FAILED"),
        ({"description": "x" * 10_001}, "description", "VALIDATION_FAILED"),
        ({"timeLimitSeconds": -1}, "timeLimitSeconds", "VALIDATION_FAILED"),
        ({"allowedAttempts": 0}, "allowedAttempts", "VALIDATION_FAILED"),
        ({"passPercent": 2_000_000_000}, "passPercent", "VALIDATION_FAILED"),
        ({"lessonId": "garbage"}, "lessonId", "INVALID_ID"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(
    school: School, given: dict[str, Any], field: str, code: str
) -> None:
    whole = {"lessonId": lesson_id(school), "title": "X", **given}
    reply = await school.ask(CREATE, {"input": whole})
    assert (reply.field, reply.code, reply.statements) == (field, code, 0)


async def test_text_of_any_script_is_kept(school: School) -> None:
    title = "🙂 שלום Größe"
    assert (await create(school, title=title))["title"] == title
