from harka.ids import NodeKind
from harka.learning import quiz_question, unlock
from harka.learning.quiz import QuizDraft
from harka.learning.unlock import UnlockRules
from quizzes import SINGLE, TRUTH, write
from school import School

OUTLINE = """query ($id: ID!) { course(id: $id) { modules { lessons {
  contentItems { kind quiz { title questionCount } } quizzes { title points } } } } }"""
QUIZ = "query ($id: ID!) { quiz(id: $id) { title isShown } }"
QUESTIONS = "query ($id: ID!) { quiz(id: $id) { questions { prompt correctChoices isTrue } } }"


async def test_quizzes_come_with_their_lessons_in_as_many_statements(school: School) -> None:
    course = school.courses[0]
    for number, lesson in enumerate(school.lessons[course.id]):
        async with school.work() as work:
            await write(work, lesson.id, QuizDraft(title=f"Quiz {number}"), TRUTH)
        reply = await school.ask(OUTLINE, {"id": school.id(NodeKind.COURSE, course)}, caller=school.learner)
        # the course, modules, lessons; who takes what, and content; the same of quizzes, and of those shown
        assert reply.statements == 9
    lessons = [lesson for module in reply.data["course"]["modules"] for lesson in module["lessons"]]
    # the one that is not shown is left out
    assert lessons == [
        {
            "contentItems": [{"kind": "QUIZ", "quiz": {"title": f"Quiz {number}", "questionCount": 1}}],
            "quizzes": [{"title": f"Quiz {number}", "points": 1}],
        }
        for number in range(4)
    ]


async def test_a_quiz_is_for_who_takes_the_course_and_its_answers_for_authors(school: School) -> None:
    lesson = school.lessons[school.courses[0].id][0]
    async with school.work() as work:
        made, _ = await write(work, lesson.id, QuizDraft(title="Quiz"), SINGLE)
    given = {"id": school.id(NodeKind.QUIZ, made)}
    assert (await school.ask(QUIZ, given, caller=school.learner)).data["quiz"] == {
        "title": "Quiz",
        "isShown": True,
    }
    hidden = {"id": school.id(NodeKind.QUIZ, school.quiz)}
    assert (await school.ask(QUIZ, hidden, caller=school.learner)).data == {"quiz": None}
    assert (await school.ask(QUIZ, hidden, caller=school.owner)).data["quiz"]["isShown"] is False
    for person in (school.learner, school.instructor):
        reply = await school.ask(QUESTIONS, given, caller=person)
        assert (reply.body["data"], reply.code) == ({"quiz": {"questions": None}}, "FORBIDDEN")
        assert "Blood" not in str(reply.body)
    told = await school.ask(QUESTIONS, given, caller=school.owner)
    assert told.data["quiz"]["questions"] == [
        {"prompt": SINGLE.prompt, "correctChoices": [1], "isTrue": None}
    ]
    async with school.work() as work:
        await unlock.set_rules(work, lesson.module_id, UnlockRules(opens_after_days=5), version=1)
        assert await quiz_question.by_quiz(work, [made.id])
    assert (await school.ask(QUIZ, given, caller=school.learner)).data == {"quiz": None}
