from harka.ids import NodeKind
from harka.tenancy.permission import Permission
from school import School

LIST = """query List($first: Int!, $user: ID, $course: ID, $status: EnrollmentStatus) {
  enrollments(first: $first, userId: $user, courseId: $course, status: $status) {
    totalCount
    nodes { id status progress user { id } course { id } lessonProgress { id } completion { id } } } }"""


async def test_a_list_costs_the_same_whatever_its_length(school: School) -> None:
    short = await school.ask(LIST, {"first": 1})
    long = await school.ask(LIST, {"first": 100})
    assert len(long.data["enrollments"]["nodes"]) == 8
    # page, count, users, courses, progress, completions
    assert short.statements == long.statements == 6


async def test_enrollments_are_narrowed_by_user_course_and_state(school: School) -> None:
    user, course = school.id(NodeKind.USER, school.learner), school.id(NodeKind.COURSE, school.courses[0])
    for values, count in (
        ({"user": user}, 2),
        ({"course": course}, 4),
        ({"user": user, "course": course}, 1),
        ({"user": user, "status": "COMPLETED"}, 0),
        ({"status": "ACTIVE"}, 8),
    ):
        found = (await school.ask(LIST, {"first": 100, **values})).data["enrollments"]
        assert found["totalCount"] == len(found["nodes"]) == count


async def test_a_learner_sees_their_own_whoever_they_ask_for(school: School) -> None:
    own = {school.id(NodeKind.ENROLLMENT, e) for e in school.enrollments if e.user_id == school.learner.id}
    found = (await school.ask(LIST, {"first": 100}, caller=school.learner)).data["enrollments"]
    assert {node["id"] for node in found["nodes"]} == own
    assert found["totalCount"] == 2
    other = {"first": 100, "user": school.id(NodeKind.USER, school.other)}
    found = (await school.ask(LIST, other, caller=school.learner)).data["enrollments"]
    assert found == {"totalCount": 0, "nodes": []}


async def test_somebody_elses_enrollment_is_absent(school: School) -> None:
    other = school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.other, school.courses[0]))
    asked = f'{{ node(id: "{other}") {{ id }} }}'
    assert (await school.ask(asked, caller=school.learner)).data == {"node": None}
    assert (await school.ask(asked, caller=school.instructor)).data == {"node": {"id": other}}


async def test_a_key_for_enrollments_alone_is_not_shown_people_or_courses(school: School) -> None:
    reply = await school.ask(
        "{ enrollments(first: 1) { nodes { progress user { id } course { id } } } }",
        caller=[Permission.ENROLLMENT_READ],
    )
    assert reply.codes == ["FORBIDDEN", "FORBIDDEN"]
    assert reply.body["data"]["enrollments"]["nodes"] == [{"progress": 0.0, "user": None, "course": None}]


async def test_a_key_without_the_scope_is_refused(school: School) -> None:
    assert (await school.ask(LIST, {"first": 1}, caller=[Permission.COURSE_READ])).code == "FORBIDDEN"
