from graph.mutations.test_assignment import create
from graph.mutations.test_submission import SUBMIT, given_by
from harka.ids import NodeKind
from school import School

OUTLINE = """query ($id: ID!) { course(id: $id) { modules { lessons { assignments {
  id title ownSubmission { text files { id } } } } } } }"""


async def test_assignments_of_many_lessons_cost_the_same(school: School) -> None:
    """A learner sees them with what they have handed in, and with nobody else's."""
    course, statements = school.courses[0], []
    for lesson in school.lessons[course.id][:2]:
        asked = await create(school, lessonId=school.id(NodeKind.LESSON, lesson))
        for person in (school.learner, school.other):
            given = given_by(school, person, asked["id"], text=person.name)
            assert (await school.ask(SUBMIT, given, caller=person)).data["submitAssignment"]["submission"]
        reply = await school.ask(OUTLINE, {"id": school.id(NodeKind.COURSE, course)}, caller=school.learner)
        statements.append(reply.statements)
        lessons = [each for module in reply.data["course"]["modules"] for each in module["lessons"]]
        own = [found["ownSubmission"] for each in lessons for found in each["assignments"]]
        assert own == [{"text": "Person 2", "files": []}] * len(statements)
    assert statements[0] == statements[1]
