from harka.ids import NodeKind
from harka.learning import quiz_attempt
from harka.learning.quiz import QuizDraft
from quizzes import write
from school import School

ENROLLMENTS = """query ($first: Int!, $after: String) { enrollments(first: 100) { nodes {
  user { name }
  bestQuizAttempts { number quiz { title } }
  quizAttempts(first: $first, after: $after) { totalCount pageInfo { endCursor } nodes {
    number state percent enrollment { user { name } } quiz { title }
    questions { prompt isCorrect } } } } } }"""
ONE = """query ($id: ID!, $after: String) { node(id: $id) { ... on Enrollment {
  quizAttempts(first: 1, after: $after) { nodes { number } pageInfo { endCursor hasNextPage } } } } }"""
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
