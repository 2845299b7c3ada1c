from harka.ids import NodeKind
from school import School


async def test_a_lesson_leads_back_to_its_module_and_course(school: School) -> None:
    course = school.courses[0]
    lesson = school.lessons[course.id][0]
    reply = await school.ask(
        """query ($id: ID!) { node(id: $id) { id ... on Lesson {
          title kind position durationMinutes weight version module { id title } course { id } } } }""",
        {"id": school.id(NodeKind.LESSON, lesson)},
    )
    assert reply.data["node"] == {
        "id": school.id(NodeKind.LESSON, lesson),
        "title": "First",
        "kind": "READING",
        "position": 0,
        "durationMinutes": None,
        "weight": 1.0,
        "version": 1,
        "module": {"id": school.id(NodeKind.MODULE, lesson.module_id), "title": "Begin"},
        "course": {"id": school.id(NodeKind.COURSE, course)},
    }
    assert reply.statements == 3
