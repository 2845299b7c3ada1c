from typing import Any

import pytest

from harka.ids import NodeKind
from school import School

FIELDS = """id kind prompt points options correctChoices isTrue correctNumber tolerance acceptedTexts position
  version"""
CREATE = f"""mutation ($input: CreateQuizQuestionInput!) {{ createQuizQuestion(input: $input) {{
  errors {{ code field }} quizQuestion {{ {FIELDS} quiz {{ version }} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateQuizQuestionInput!) {{ updateQuizQuestion(input: $input) {{
  errors {{ code field }} quizQuestion {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($input: DeleteQuizQuestionInput!) { deleteQuizQuestion(input: $input) {
  errors { code field } quiz { version questions { prompt position } } } }"""
REORDER = """mutation ($input: ReorderQuizQuestionsInput!) { reorderQuizQuestions(input: $input) {
  errors { code field } quiz { version questions { prompt position } } } }"""


def quiz_id(school: School) -> str:
    return school.id(NodeKind.QUIZ, school.quiz)


async def create(school: School, **given: Any) -> Any:
    given = {"quizId": quiz_id(school), "kind": "NUMERIC", "prompt": "How far?", "correctNumber": 3, **given}
    reply = await school.ask(CREATE, {"input": given})
    return reply.data["createQuizQuestion"]["quizQuestion"]


async def test_a_question_is_added_and_changed(school: School) -> None:
    made = await create(school, tolerance=0.5)
    id_ = made.pop("id")
    assert made == {
        "kind": "NUMERIC",
        "prompt": "How far?",
        "points": 1,
        "options": [],
        "correctChoices": [],
        "isTrue": None,
        "correctNumber": 3.0,
        "tolerance": 0.5,
        "acceptedTexts": [],
        "position": 0,
        "version": 1,
        "quiz": {"version": 2},
    }
    given = {"id": id_, "version": 1, "points": 4, "tolerance": None}
    changed = (await school.ask(UPDATE, {"input": given})).data["updateQuizQuestion"]["quizQuestion"]
    assert (changed["points"], changed["tolerance"], changed["correctNumber"]) == (4, 0.0, 3.0)
    assert (await school.ask(UPDATE, {"input": given})).code == "CONFLICT"
    nothing = {"id": id_, "version": 2, "prompt": None}
    assert (await school.ask(UPDATE, {"input": nothing})).field == "prompt"


async def test_questions_are_put_into_order_and_taken_away(school: School) -> None:
    ids = [(await create(school, prompt=prompt))["id"] for prompt in ("One", "Two")]
    given = {"quizId": quiz_id(school), "version": 3, "quizQuestionIds": ids[::-1]}
    reply = await school.ask(REORDER, {"input": given})
    assert reply.data["reorderQuizQuestions"]["quiz"] == {
        "version": 4,
        "questions": [{"prompt": "Two", "position": 0}, {"prompt": "One", "position": 1}],
    }
    gone = await school.ask(DELETE, {"input": {"quizQuestionId": ids[1], "version": 2}})
    assert gone.data["deleteQuizQuestion"]["quiz"] == {
        "version": 5,
        "questions": [{"prompt": "One", "position": 0}],
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prompt": "\0"}, "prompt"),
        ({"points": 0}, "points"),
        ({"kind": "SINGLE", "correctNumber": None}, "options"),
        ({"kind": "MULTIPLE", "correctNumber": None, "options": ["A", "A"]}, "options"),
        ({"correctNumber": None}, "correctNumber"),
        ({"acceptedTexts": ["X"]}, "acceptedTexts"),
        ({"quizId": "garbage"}, "quizId"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(school: School, given: dict[str, Any], field: str) -> None:
    whole = {"quizId": quiz_id(school), "kind": "NUMERIC", "prompt": "X", "correctNumber": 1, **given}
    reply = await school.ask(CREATE, {"input": whole})
    assert (reply.field, reply.statements) == (field, 0)
