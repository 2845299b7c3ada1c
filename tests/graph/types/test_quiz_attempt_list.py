"""Attempts of an enrollment and at a quiz: walked in every order from either end, and narrowed."""

from typing import Any
from uuid import UUID

import pytest

from branches import branch_of
from harka.ids import NodeKind, new_id
from harka.learning import quiz_attempt, quiz_question
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_grading import Answer
from harka.repositories.quiz import Quiz
from harka.repositories.user import User
from quizzes import LATE, TRUTH, write
from school import School

ONE = """query ($id: ID!, $first: Int!, $after: String, $filter: QuizAttemptFilter, $by: QuizAttemptOrderBy) {
  node(id: $id) {
    ... on Enrollment { page: quizAttempts(first: $first, after: $after, filter: $filter, orderBy: $by) {
      ...page } }
    ... on Quiz { page: attempts(first: $first, after: $after, filter: $filter, orderBy: $by) {
      ...page } } } }
fragment page on QuizAttemptConnection { totalCount pageInfo { endCursor hasNextPage }
  nodes { id number percent submittedAt createdAt enrollment { user { id } } quiz { title } } }"""
MANY = """query ($first: Int!, $filter: QuizAttemptFilter, $by: QuizAttemptOrderBy) {
  enrollments(first: $first) { nodes { quizAttempts(first: 2, filter: $filter, orderBy: $by) {
    totalCount nodes { percent } } } } }"""
LESSONS = """query ($course: ID!, $filter: QuizAttemptFilter, $by: QuizAttemptOrderBy) {
  course(id: $course) { modules { lessons { quizzes { title
    attempts(first: 2, filter: $filter, orderBy: $by) { totalCount nodes { percent } } } } } } }"""
SHOWN = {"CREATED_AT": "createdAt", "SUBMITTED_AT": "submittedAt", "PERCENT": "percent"}
BEST = {"field": "PERCENT", "direction": "DESC"}


async def attempt(school: School, quiz: Quiz, person: User, *, said_true: bool | None) -> UUID:
    """`said_true`: what the only question is answered by, which is right; None for not submitted."""
    enrolled = school.enrollment_of(person, school.courses[0])
    async with school.work() as work:
        begun = await quiz_attempt.start(work, enrollment_id=enrolled.id, quiz_id=quiz.id)
        if said_true is not None:
            asked = (await quiz_question.by_quiz(work, [quiz.id]))[quiz.id][0]
            answer = Answer(question_id=asked.id, is_true=said_true)
            await quiz_attempt.submit(work, begun.attempt.id, [answer])
    return begun.attempt.id


async def taken(school: School) -> tuple[Quiz, Quiz]:
    """Two quizzes. At the first the learner failed, passed and began again, the other passed and is late.

    At the second the learner passed.
    """
    lessons = school.lessons[school.courses[0].id]
    async with school.work() as work:
        quiz, _ = await write(work, lessons[0].id, QuizDraft(title="Quiz", time_limit_seconds=600), TRUTH)
        more, _ = await write(work, lessons[1].id, QuizDraft(title="More"), TRUTH)
    await attempt(school, quiz, school.learner, said_true=False)
    await attempt(school, quiz, school.other, said_true=True)
    await attempt(school, quiz, school.learner, said_true=True)
    await attempt(school, more, school.learner, said_true=True)
    await attempt(school, quiz, school.learner, said_true=None)
    late = await attempt(school, quiz, school.other, said_true=None)
    async with school.work() as work:
        await work.session.execute(LATE, late, 700)
    return quiz, more


def places(school: School, quiz: Quiz) -> dict[str, str]:
    enrolled = school.enrollment_of(school.learner, school.courses[0])
    return {"quiz": school.id(NodeKind.QUIZ, quiz), "learner": school.id(NodeKind.ENROLLMENT, enrolled)}


async def page(school: School, id_: str, caller: Any = None, **asked: Any) -> Any:
    given = {"first": 100, "id": id_, **asked}
    reply = await school.ask(ONE, given, **({} if caller is None else {"caller": caller}))
    return reply.data["node"]["page"]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("by", SHOWN)
async def test_a_list_is_walked_in_its_order_from_either_end(school: School, by: str, direction: str) -> None:
    quiz, more = await taken(school)
    order, other_way = {"field": by, "direction": direction}, "ASC" if direction == "DESC" else "DESC"
    here = places(school, quiz)
    for place, count in (("quiz", 5), ("learner", 4)):
        whole = await page(school, here[place], by=order)
        assert whole["totalCount"] == len(whole["nodes"]) == count
        # what is not submitted comes before all that is
        keys = [(node[SHOWN[by]] is not None, node[SHOWN[by]] or 0) for node in whole["nodes"]]
        assert keys == sorted(keys, reverse=direction == "DESC")
        seen: list[Any] = []
        after, more_of_it = None, True
        while more_of_it:
            part = await page(school, here[place], first=1, after=after, by=order)
            seen += part["nodes"]
            after, more_of_it = part["pageInfo"]["endCursor"], part["pageInfo"]["hasNextPage"]
        assert seen == whole["nodes"]
        bound = {"first": 1, "after": after, "id": here[place], "by": order}
        for otherwise in (
            {"by": {"field": by, "direction": other_way}},
            {"filter": {"passed": True}},
            {"id": school.id(NodeKind.QUIZ, more)},
        ):
            assert (await school.ask(ONE, {**bound, **otherwise})).code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("asked", "at_quiz", "of_learner"),
    [
        ({"state": "SUBMITTED"}, "-1 o1 -2", "-1 -2 +1"),
        ({"state": "IN_PROGRESS"}, "-3", "-3"),
        ({"state": "EXPIRED"}, "o2", ""),
        ({"passed": True}, "o1 -2", "-2 +1"),
        ({"passed": False}, "-1", "-1"),
        ({"passed": False, "state": "IN_PROGRESS"}, "", ""),
        ({"userId": "$other"}, "o1 o2", ""),
        ({"userId": "$learner", "passed": True}, "-2", "-2 +1"),
        ({"quizId": "$more"}, "", "+1"),
        ({"percentFrom": 100}, "o1 -2", "-2 +1"),
        ({"percentFrom": 0, "percentBelow": 100}, "-1", "-1"),
        ({"startedFrom": "2100-01-01T00:00:00Z"}, "", ""),
        ({"startedBefore": "2100-01-01T00:00:00Z", "submittedBefore": "2000-01-01T00:00:00Z"}, "", ""),
        ({"submittedFrom": "2000-01-01T00:00:00+02:00"}, "-1 o1 -2", "-1 -2 +1"),
        ({}, "-1 o1 -2 -3 o2", "-1 -2 +1 -3"),
    ],
    ids=str,
)
async def test_a_list_is_narrowed_to_what_is_asked_for(
    school: School, asked: dict[str, Any], at_quiz: str, of_learner: str
) -> None:
    quiz, more = await taken(school)
    ids = {
        "$learner": school.id(NodeKind.USER, school.learner),
        "$other": school.id(NodeKind.USER, school.other),
        "$more": school.id(NodeKind.QUIZ, more),
    }
    given = {name: ids.get(value, value) for name, value in asked.items()}
    here = places(school, quiz)
    for place, expected in (("quiz", at_quiz), ("learner", of_learner)):
        found = await page(school, here[place], filter=given)
        names = [
            ("+" if node["quiz"]["title"] == "More" else "-")
            if node["enrollment"]["user"]["id"] == ids["$learner"]
            else "o"
            for node in found["nodes"]
        ]
        shown = [f"{name}{node['number']}" for name, node in zip(names, found["nodes"], strict=True)]
        assert " ".join(shown) == expected
        assert found["totalCount"] == len(shown)
        # what follows a first page is narrowed alike
        part = await page(school, here[place], first=1, filter=given)
        if part["pageInfo"]["hasNextPage"]:
            after = part["pageInfo"]["endCursor"]
            rest = await page(school, here[place], filter=given, after=after)
            assert [*part["nodes"], *rest["nodes"]] == found["nodes"]


async def test_the_best_of_many_come_in_as_many_statements_as_those_of_one(school: School) -> None:
    await taken(school)
    given = {"filter": {"state": "SUBMITTED"}, "by": BEST}
    one, many = [await school.ask(MANY, {"first": first, **given}) for first in (1, 100)]
    assert len(many.data["enrollments"]["nodes"]) == 8
    # enrollments; their attempts, how many these are
    assert one.statements == many.statements == 3
    lists = [each["quizAttempts"] for each in many.data["enrollments"]["nodes"]]
    found = [[node["percent"] for node in each["nodes"]] for each in lists if each["nodes"]]
    assert sorted(found) == [[100], [100, 100]]
    assert sum(each["totalCount"] for each in lists) == 4


async def test_the_best_at_many_quizzes_come_in_one_statement(school: School) -> None:
    lessons, counts = school.lessons[school.courses[0].id], []
    for lesson in lessons[:2]:
        async with school.work() as work:
            quiz, _ = await write(work, lesson.id, QuizDraft(title="Quiz"), TRUTH)
        for said_true in (False, True):
            await attempt(school, quiz, school.learner, said_true=said_true)
        given = {
            "course": school.id(NodeKind.COURSE, school.courses[0]),
            "by": BEST,
            "filter": {"passed": True},
        }
        reply = await school.ask(LESSONS, given)
        counts.append(reply.statements)
    assert counts[0] == counts[1]
    modules = reply.data["course"]["modules"]
    taught = [each for module in modules for each in module["lessons"]]
    shown = [quiz["attempts"] for each in taught for quiz in each["quizzes"] if quiz["title"] == "Quiz"]
    assert shown == [{"totalCount": 1, "nodes": [{"percent": 100}]}] * 2


async def test_a_filter_finds_nobody_whom_the_list_does_not_show(school: School) -> None:
    quiz, _ = await taken(school)
    branch = await branch_of(school)
    here = places(school, quiz)
    theirs = {"userId": school.id(NodeKind.USER, school.other)}
    for narrowed, count in ((None, 3), ({"passed": True}, 1), (theirs, 0), ({"state": "EXPIRED"}, 0)):
        found = await page(school, here["quiz"], branch.manager, filter=narrowed, by=BEST)
        assert (found["totalCount"], len(found["nodes"])) == (count, count)
    own = await page(school, here["learner"], school.learner, filter=theirs)
    assert (own["totalCount"], own["nodes"]) == (0, [])
    refused = await school.ask(ONE, {"id": here["quiz"], "first": 1, "filter": theirs}, caller=school.learner)
    assert (refused.code, refused.body["data"]["node"]) == ("FORBIDDEN", {"page": None})


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"first": 101}, "VALIDATION_FAILED", "first"),
        ({"after": "👩‍🏫"}, "INVALID_CURSOR", None),
        ({"filter": {"percentFrom": -1}}, "VALIDATION_FAILED", "filter.percentFrom"),
        ({"filter": {"percentBelow": 100.5}}, "VALIDATION_FAILED", "filter.percentBelow"),
        ({"filter": {"startedFrom": "0001-01-01T00:00:00Z"}}, "VALIDATION_FAILED", "filter.startedFrom"),
        ({"filter": {"userId": "$quiz"}}, "INVALID_ID", "filter.userId"),
        ({"filter": {"userId": "nul\0inside"}}, "INVALID_ID", "filter.userId"),
        ({"filter": {"quizId": "x" * 200_000}}, "INVALID_ID", "filter.quizId"),
        ({"filter": {"quizId": "$foreign"}}, "INVALID_ID", "filter.quizId"),
        ({"filter": {"state": "submitted"}}, "GRAPHQL_VALIDATION_FAILED", None),
        ({"by": {"field": "NUMBER"}}, "GRAPHQL_VALIDATION_FAILED", None),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_asked_for_is_told(
    school: School, asked: dict[str, Any], code: str, field: str | None
) -> None:
    quiz, _ = await taken(school)
    words = {
        "$quiz": school.id(NodeKind.QUIZ, quiz),
        "$foreign": school.runtime.node_ids.seal(new_id(), NodeKind.QUIZ, quiz.id),
    }
    given = dict(asked)
    if "filter" in given:
        given["filter"] = {key: words.get(str(each), each) for key, each in given["filter"].items()}
    for id_ in places(school, quiz).values():
        reply = await school.ask(ONE, {"id": id_, "first": 1, **given})
        assert (reply.code, reply.field) == (code, field)
