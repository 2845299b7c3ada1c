from harka.ids import NodeKind
from harka.learning import progress
from school import School

NODE = """query ($id: ID!) { node(id: $id) { ... on LessonProgress {
  fraction score occurredAt lesson { id } enrollment { id user { id } } } } }"""


async def test_progress_leads_to_its_lesson_and_enrollment(school: School) -> None:
    course = school.courses[0]
    enrollment = school.enrollment_of(school.learner, course)
    lesson = school.lessons[course.id][0]
    async with school.work() as work:
        recorded = await progress.record(
            work, enrollment_id=enrollment.id, lesson_id=lesson.id, fraction=0.5, score=80
        )
    values = {"id": school.id(NodeKind.LESSON_PROGRESS, recorded.progress)}
    reply = await school.ask(NODE, values, caller=school.learner)
    assert reply.data["node"] == {
        "fraction": 0.5,
        "score": 80.0,
        "occurredAt": recorded.progress.occurred_at.isoformat(),
        "lesson": {"id": school.id(NodeKind.LESSON, lesson)},
        "enrollment": {
            "id": school.id(NodeKind.ENROLLMENT, enrollment),
            "user": {"id": school.id(NodeKind.USER, school.learner)},
        },
    }
    assert (await school.ask(NODE, values, caller=school.other)).data == {"node": None}
