from harka.ids import NodeKind
from harka.learning import lesson, module
from harka.learning.outline import LessonOutline
from school import School

OUTLINE = """{
  courses(first: 9) { nodes { code modules { title lessons { title } } } }
  again: courses(first: 1) { nodes { modules { lessons { title } } } }
  enrollments(first: 50) { nodes { course { code modules { title lessons { title } } } } }
}"""
OTHER = """query ($course: ID!, $module: ID!) {
  course(id: $course) { modules { lessons { title } } }
  node(id: $module) { ... on Module { lessons { title } } }
}"""


async def test_lessons_read_with_their_modules_are_those_of_each(school: School) -> None:
    async with school.work() as work:
        empty = await module.create(work, school.courses[0].id, "Nothing yet")
        first = school.lessons[school.courses[0].id][0].module_id
        await lesson.create(work, first, LessonOutline("Behind the others"))

    reply = await school.ask(OUTLINE)

    async with school.work() as work:
        ids = [course.id for course in school.courses]
        modules, lessons = await module.by_course(work, ids), await lesson.by_course(work, ids)
    expected = [
        {
            "code": course.code,
            "modules": [
                {
                    "title": each.title,
                    "lessons": [
                        {"title": one.title} for one in lessons[course.id] if one.module_id == each.id
                    ],
                }
                for each in modules[course.id]
            ],
        }
        for course in school.courses
    ]
    assert reply.data["courses"]["nodes"][: len(expected)] == expected
    assert {"title": empty.title, "lessons": []} in expected[0]["modules"]
    assert [each["lessons"] for each in reply.data["again"]["nodes"][0]["modules"]] == [
        each["lessons"] for each in expected[0]["modules"]
    ]
    # a level later, by other courses
    for node in reply.data["enrollments"]["nodes"]:
        assert node["course"] in reply.data["courses"]["nodes"]


async def test_a_module_found_otherwise_has_its_own_lessons(school: School) -> None:
    """Beside those of a course whose modules' lessons are read with them."""
    here, other = school.courses[:2]
    elsewhere = school.lessons[other.id][0].module_id
    given = {"course": school.id(NodeKind.COURSE, here)}
    given["module"] = school.runtime.node_ids.seal(school.organization.id, NodeKind.MODULE, elsewhere)

    reply = await school.ask(OTHER, given)

    assert reply.data["node"]["lessons"] == [
        {"title": each.title} for each in school.lessons[other.id] if each.module_id == elsewhere
    ]
    assert sum(len(each["lessons"]) for each in reply.data["course"]["modules"]) == len(
        school.lessons[here.id]
    )


async def test_a_learner_reads_the_lessons_of_what_they_may_see(school: School) -> None:
    text = "query ($id: ID!) { course(id: $id) { modules { lessons { title } } } }"
    for course in school.courses:
        reply = await school.ask(text, {"id": school.id(NodeKind.COURSE, course)}, caller=school.learner)
        shown = [
            one["title"]
            for each in (reply.data["course"] or {"modules": []})["modules"]
            for one in each["lessons"]
        ]
        visible = [each.title for each in school.lessons[course.id]] if reply.data["course"] else []
        assert shown == visible
