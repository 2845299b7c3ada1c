from typing import Any

from harka.ids import NodeKind
from harka.learning import quiz_attempt
from harka.learning.quiz import QuizDraft
from quizzes import TRUTH, write
from school import Reply, School

ENROLLMENTS = """query ($first: Int!, $after: String) { enrollments(first: 100) { nodes {
  user { name }
  bestQuizAttempts { number quiz { title } }
  quizAttempts(first: $first, after: $after) { totalCount pageInfo { endCursor } nodes {
    number state percent enrollment { user { name } } quiz { title }
    questions { prompt isCorrect } } } } } }"""
ONE = """query ($id: ID!, $after: String) { node(id: $id) { ... on Enrollment {
  quizAttempts(first: 1, after: $after) { nodes { number } pageInfo { endCursor hasNextPage } } } } }"""
QUIZZES = """query ($id: ID!, $after: String) { course(id: $id) { modules { lessons { quizzes {
  title attempts(first: 2, after: $after) { totalCount nodes { number enrollment { user { name } } }
    pageInfo { endCursor hasNextPage } } } } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { ... on QuizAttempt { number questions { prompt } } } }"


async def test_attempts_of_many_come_in_as_many_statements_as_those_of_one(school: School) -> None:
    course = school.courses[0]
    async with school.work() as work:
        made, _ = await write(work, school.lessons[course.id][0].id, QuizDraft(title="Quiz"))
    counts = []
    for person in (school.learner, school.other):
        enrolled = school.enrollment_of(person, course)
        for _ in range(2):
            async with school.work() as work:
                begun = await quiz_attempt.start(work, enrollment_id=enrolled.id, quiz_id=made.id)
                await quiz_attempt.submit(work, begun.attempt.id, [])
        reply = await school.ask(ENROLLMENTS, {"first": 2}, caller=school.instructor)
        counts.append(reply.statements)
    assert counts[0] == counts[1]
    shown = [each for each in reply.data["enrollments"]["nodes"] if each["quizAttempts"]["nodes"]]
    assert [each["quizAttempts"]["totalCount"] for each in shown] == [2, 2]
    for each in shown:
        assert [attempt["number"] for attempt in each["quizAttempts"]["nodes"]] == [1, 2]
        assert each["quizAttempts"]["nodes"][0]["enrollment"] == {"user": each["user"]}
        # an instructor is not enrolled, and does not write courses
        assert [best["number"] for best in each["bestQuizAttempts"]] == [1]
    mine = await school.ask(ENROLLMENTS, {"first": 2}, caller=school.learner)
    (own,) = [each for each in mine.data["enrollments"]["nodes"] if each["bestQuizAttempts"]]
    assert own["bestQuizAttempts"] == [{"number": 1, "quiz": {"title": "Quiz"}}]
    assert own["quizAttempts"]["nodes"][0]["questions"][0]["isCorrect"] is None


async def test_attempts_are_listed_by_page_and_are_nobody_elses(school: School) -> None:
    course = school.courses[0]
    enrolled = school.enrollment_of(school.learner, course)
    async with school.work() as work:
        made, _ = await write(work, school.lessons[course.id][0].id, QuizDraft(title="Quiz"))
    for _ in range(3):
        async with school.work() as work:
            begun = await quiz_attempt.start(work, enrollment_id=enrolled.id, quiz_id=made.id)
            await quiz_attempt.submit(work, begun.attempt.id, [])
    id_, after, seen = school.id(NodeKind.ENROLLMENT, enrolled), None, []
    while True:
        reply = await school.ask(ONE, {"id": id_, "after": after}, caller=school.learner)
        page = reply.data["node"]["quizAttempts"]
        seen += [each["number"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [1, 2, 3]
    given = {"id": school.id(NodeKind.QUIZ_ATTEMPT, begun.attempt)}
    assert (await school.ask(NODE, given, caller=school.other)).data == {"node": None}
    assert (await school.ask(NODE, given, caller=school.learner)).data["node"]["number"] == 3


async def test_who_reads_enrollments_has_the_attempts_of_quizzes(school: School) -> None:
    course = school.courses[0]
    people = (school.learner, school.other, school.instructor)
    counts = []
    for number, lesson in enumerate(school.lessons[course.id][:2]):
        async with school.work() as work:
            made, _ = await write(work, lesson.id, QuizDraft(title=f"Quiz {number}"), TRUTH)
            for person in people:
                enrolled = school.enrollment_of(person, course)
                await quiz_attempt.start(work, enrollment_id=enrolled.id, quiz_id=made.id)
        given = {"id": school.id(NodeKind.COURSE, course)}
        reply = await school.ask(QUIZZES, given, caller=school.instructor)
        counts.append(reply.statements)
    assert counts[0] == counts[1]
    shown = quizzes_in(reply)
    assert [each["title"] for each in shown] == ["Quiz 0", "Quiz 1"]
    for each in shown:
        assert each["attempts"]["totalCount"] == 3
        names = [attempt["enrollment"]["user"]["name"] for attempt in each["attempts"]["nodes"]]
        assert names == [person.name for person in people[:2]]
    after = shown[0]["attempts"]["pageInfo"]["endCursor"]
    # a cursor is of one quiz only: of the others it is refused
    reply = await school.ask(QUIZZES, {**given, "after": after}, caller=school.instructor)
    assert reply.code == "INVALID_CURSOR"
    rest = [each["attempts"] for each in quizzes_in(reply)]
    assert ([len(each["nodes"]) for each in rest if each], rest.count(None)) == ([1], 1)
    refused = await school.ask(QUIZZES, given, caller=school.learner)
    assert set(refused.codes) == {"FORBIDDEN"}
    assert [each["attempts"] for each in quizzes_in(refused)] == [None, None]


def quizzes_in(reply: Reply) -> list[Any]:
    """Those of the answer's lessons, in order."""
    modules = reply.body["data"]["course"]["modules"]
    return [quiz for module in modules for lesson in module["lessons"] for quiz in lesson["quizzes"]]
