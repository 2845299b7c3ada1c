from harka.ids import NodeKind
from school import School

CLONE = """mutation ($input: CloneCourseInput!) { cloneCourse(input: $input) { errors { code field }
  course { code title status version modules { title lessons { title } } } } }"""


async def test_a_course_is_copied(school: School) -> None:
    source = school.courses[0]
    given = {"courseId": school.id(NodeKind.COURSE, source), "code": "COPY"}
    reply = await school.ask(CLONE, {"input": given})
    lessons = [{"title": "First"}, {"title": "Second"}]
    assert reply.data["cloneCourse"]["course"] == {
        "code": "COPY",
        "title": source.title,
        "status": "DRAFT",
        "version": 1,
        "modules": [{"title": "Begin", "lessons": lessons}, {"title": "End", "lessons": lessons}],
    }
    # the source, the copy, what is in it; modules and lessons read back
    assert reply.statements == 5
    again = await school.ask(CLONE, {"input": given})
    assert (again.code, again.field) == ("VALIDATION_FAILED", "code")


async def test_what_cannot_be_copied_is_refused_by_field(school: School) -> None:
    reply = await school.ask(CLONE, {"input": {"courseId": "garbage", "code": "COPY"}})
    assert (reply.code, reply.field, reply.statements) == ("INVALID_ID", "courseId", 0)
