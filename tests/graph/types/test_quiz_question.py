from harka.ids import NodeKind, new_id
from harka.learning import quiz_question
from harka.learning.quiz import QuizDraft
from quizzes import SHORT, write
from school import School

NODE = """query ($id: ID!) { node(id: $id) { id
  ... on QuizQuestion { prompt acceptedTexts quiz { title } } } }"""


async def test_a_question_is_a_node_for_authors_and_absent_for_others(school: School) -> None:
    lesson = school.lessons[school.courses[0].id][0]
    async with school.work() as work:
        made, _ = await write(work, lesson.id, QuizDraft(title="Quiz"), SHORT)
        (question,) = (await quiz_question.by_quiz(work, [made.id]))[made.id]
    given = {"id": school.id(NodeKind.QUIZ_QUESTION, question)}
    absent = {"id": school.id(NodeKind.QUIZ_QUESTION, new_id())}
    for person in (school.learner, school.instructor):
        replies = [await school.ask(NODE, each, caller=person) for each in (given, absent)]
        assert [(reply.data, reply.statements) for reply in replies] == [({"node": None}, 0)] * 2
    found = await school.ask(NODE, given, caller=school.owner)
    assert found.data["node"] == {
        **given,
        "prompt": SHORT.prompt,
        "acceptedTexts": list(SHORT.accepted_texts),
        "quiz": {"title": "Quiz"},
    }
