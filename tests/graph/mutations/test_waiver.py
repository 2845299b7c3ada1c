from harka.ids import NodeKind
from school import School

WAIVE = """mutation ($input: WaiveLessonInput!) { waiveLesson(input: $input) {
  errors { code field } changed completed enrollment { progress }
  lessonProgress { fraction waivedAt waivedBy { id } waiveReason } } }"""


def given(school: School, **values: str | int) -> dict[str, dict[str, str | int]]:
    course = school.courses[0]
    return {
        "input": {
            "enrollmentId": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, course)),
            "lessonId": school.id(NodeKind.LESSON, school.lessons[course.id][0]),
            "reason": "Knows it",
            **values,
        }
    }


async def test_a_lesson_is_waived_once(school: School) -> None:
    first = (await school.ask(WAIVE, given(school), caller=school.owner)).data["waiveLesson"]
    waived = first["lessonProgress"]
    assert (first["changed"], first["completed"], first["enrollment"]) == (True, False, {"progress": 0.25})
    assert waived["waivedAt"] is not None
    assert (waived["fraction"], waived["waivedBy"], waived["waiveReason"]) == (
        1,
        {"id": school.id(NodeKind.USER, school.owner)},
        "Knows it",
    )
    again = (await school.ask(WAIVE, given(school))).data["waiveLesson"]
    assert (again["changed"], again["lessonProgress"]) == (False, waived)


async def test_who_read_another_version_waives_nothing(school: School) -> None:
    assert (await school.ask(WAIVE, given(school, version=2))).code == "CONFLICT"
    done = (await school.ask(WAIVE, given(school, version=1))).data["waiveLesson"]
    assert (done["errors"], done["changed"]) == ([], True)


async def test_the_learner_reads_why_and_not_who(school: School) -> None:
    """Whom they may not see is absent."""
    await school.ask(WAIVE, given(school), caller=school.owner)
    document = "query ($id: ID!) { node(id: $id) { ... on Enrollment { lessonProgress {"
    document += " waiveReason waivedBy { id } } } } }"
    id_ = given(school)["input"]["enrollmentId"]
    reply = await school.ask(document, {"id": id_}, caller=school.learner)
    assert reply.data["node"]["lessonProgress"] == [{"waiveReason": "Knows it", "waivedBy": None}]


async def test_bad_input_is_told_by_its_field(school: School) -> None:
    for values, code, field in (
        ({"reason": ""}, "VALIDATION_FAILED", "reason"),
        ({"lessonId": "x"}, "INVALID_ID", "lessonId"),
        ({"enrollmentId": "x"}, "INVALID_ID", "enrollmentId"),
        ({"lessonId": school.id(NodeKind.COURSE, school.courses[0])}, "INVALID_ID", "lessonId"),
    ):
        reply = await school.ask(WAIVE, given(school, **values))
        assert (reply.code, reply.field) == (code, field)


async def test_a_learner_lets_nobody_off(school: School) -> None:
    reply = await school.ask(WAIVE, given(school), caller=school.learner)
    assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
