import asyncio
import json
from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from harka.learning.quiz import QuizDraft
from harka.repositories.quiz import Quiz
from quizzes import DRAFTS, POINTS, write
from school import Reply, School

ASKED = """questions { quizQuestionId kind prompt points options chosen saidTrue text number isCorrect
  correctChoices isTrue correctNumber tolerance acceptedTexts }"""
START = f"""mutation ($input: StartQuizAttemptInput!) {{ startQuizAttempt(input: $input) {{
  errors {{ code field }} created
  quizAttempt {{ id number state points earned percent passed {ASKED} }} }} }}"""
SUBMIT = f"""mutation ($input: SubmitQuizAttemptInput!) {{ submitQuizAttempt(input: $input) {{
  errors {{ code field message }} changed completed enrollment {{ progress }}
  quizAttempt {{ state points earned percent passed {ASKED} }} }} }}"""
# what a learner sees of a question before it is answered
PLAIN = {"quizQuestionId", "kind", "prompt", "points", "options"}


async def shown(school: School, **settings: Any) -> Quiz:
    """In the first lesson of the first course."""
    lesson = school.lessons[school.courses[0].id][0]
    async with school.work() as work:
        made, _ = await write(work, lesson.id, QuizDraft(title="Quiz", shuffles_options=False, **settings))
    return made


async def start(school: School, of: Quiz) -> Reply:
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    given = {
        "enrollmentId": school.id(NodeKind.ENROLLMENT, enrollment),
        "quizId": school.id(NodeKind.QUIZ, of),
    }
    return await school.ask(START, {"input": given}, caller=school.learner)


async def submit(school: School, attempt: Any, answers: list[dict[str, Any]]) -> Reply:
    """`answers`: to the questions in order."""
    given = [
        {"quizQuestionId": question["quizQuestionId"], **answer}
        for question, answer in zip(attempt["questions"], answers, strict=False)
    ]
    asked = {"input": {"quizAttemptId": attempt["id"], "answers": given}}
    return await school.ask(SUBMIT, asked, caller=school.learner)


RIGHT = [{"choices": [1]}, {"choices": [2, 1]}, {"isTrue": True}, {"text": "ROAD"}, {"number": 0.35}]
WRONG = [{"choices": [0]}, {"choices": [0]}, {"isTrue": False}, {"text": "Way"}, {"number": 9}]


async def test_a_learner_takes_a_quiz_and_finishes_the_lesson(school: School) -> None:
    of = await shown(school, completes_lesson=True, allowed_attempts=1)
    payload = (await start(school, of)).data["startQuizAttempt"]
    attempt = payload["quizAttempt"]
    assert (payload["created"], attempt["state"], attempt["points"]) == (True, "IN_PROGRESS", POINTS)
    assert [each["prompt"] for each in attempt["questions"]] == [each.prompt for each in DRAFTS]
    again = (await start(school, of)).data["startQuizAttempt"]
    assert (again["created"], again["quizAttempt"]) == (False, attempt)
    done = (await submit(school, attempt, RIGHT)).data["submitQuizAttempt"]
    assert (done["changed"], done["completed"], done["enrollment"]["progress"]) == (True, False, 0.25)
    graded = done["quizAttempt"]
    assert (graded["state"], graded["earned"], graded["percent"], graded["passed"]) == (
        *("SUBMITTED", POINTS, 100.0, True),
    )
    twice = (await submit(school, attempt, WRONG)).data["submitQuizAttempt"]
    assert (twice["changed"], twice["quizAttempt"]) == (False, graded)
    assert (await start(school, of)).refusals == [{"code": "NO_ATTEMPT_LEFT", "field": "quizId"}]


@pytest.mark.parametrize("reveal", ["never", "after_submission"])
async def test_what_is_right_never_leaves_before_it_may(school: School, reveal: str) -> None:
    """Not in a question, not by what is refused, not by how much the answer asks of the database."""
    of = await shown(school, reveal=reveal, allowed_attempts=3)
    first = await start(school, of)
    attempt = first.data["startQuizAttempt"]["quizAttempt"]
    assert {key for each in attempt["questions"] for key in each if each[key] is not None} == PLAIN
    assert "Straße" not in json.dumps(first.body)
    # a refusal is the same, whatever else is right
    bad = {"text": "x" * 1001}
    refused = [await submit(school, attempt, [*answers[:3], bad, answers[4]]) for answers in (RIGHT, WRONG)]
    assert refused[0].body == refused[1].body
    assert refused[0].field == "answers.3.text"
    right = await submit(school, attempt, RIGHT)
    other = (await start(school, of)).data["startQuizAttempt"]["quizAttempt"]
    wrong = await submit(school, other, WRONG)
    assert right.statements == wrong.statements
    told = reveal == "after_submission"
    for reply, is_right in ((right, True), (wrong, False)):
        questions = reply.data["submitQuizAttempt"]["quizAttempt"]["questions"]
        assert [each["isCorrect"] for each in questions] == [is_right if told else None] * 5
        assert ("Straße" in json.dumps(reply.body, ensure_ascii=False)) is told
    # and in an attempt that goes on it is not told by those before
    last = await start(school, of)
    questions = last.data["startQuizAttempt"]["quizAttempt"]["questions"]
    assert {key for each in questions for key in each if each[key] is not None} == PLAIN


async def test_parallel_requests_of_one_learner_make_one_attempt(school: School) -> None:
    of = await shown(school, allowed_attempts=1)
    replies = await asyncio.gather(*(start(school, of) for _ in range(5)))
    payloads = [reply.data["startQuizAttempt"] for reply in replies]
    assert len({each["quizAttempt"]["id"] for each in payloads}) == 1
    assert [each["created"] for each in payloads].count(True) == 1


async def test_what_is_not_there_or_not_theirs_is_refused_alike(school: School) -> None:
    of = await shown(school)
    attempt = (await start(school, of)).data["startQuizAttempt"]["quizAttempt"]
    texts = set()
    for id_ in (attempt["id"], school.id(NodeKind.QUIZ_ATTEMPT, new_id())):
        reply = await school.ask(
            SUBMIT, {"input": {"quizAttemptId": id_, "answers": []}}, caller=school.other
        )
        texts.add(json.dumps(reply.body))
        assert reply.code == "NOT_FOUND"
    assert len(texts) == 1
    for given, field in (
        ({"quizAttemptId": "garbage", "answers": []}, "quizAttemptId"),
        (
            {"quizAttemptId": attempt["id"], "answers": [{"quizQuestionId": "garbage"}]},
            "answers.0.quizQuestionId",
        ),
    ):
        reply = await school.ask(SUBMIT, {"input": given}, caller=school.learner)
        assert (reply.code, reply.field, reply.statements) == ("INVALID_ID", field, 0)
