from typing import Any

from harka.ids import NodeKind
from harka.repositories.enrollment import Enrollment
from harka.tenancy.permission import Permission
from school import School

LIST = """query List($first: Int!, $user: ID, $course: ID, $status: EnrollmentStatus) {
  enrollments(first: $first, filter: {userId: $user, courseId: $course, status: $status}) {
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


NESTED = """query ($user: ID!, $course: ID!, $after: String, $filter: EnrollmentFilter,
    $by: EnrollmentOrderBy) {
  enrollments(first: 1, after: $after, filter: $filter, orderBy: $by) { ...page }
  user(id: $user) { enrollments(first: 1, after: $after, filter: $filter, orderBy: $by) { ...page } }
  course(id: $course) { enrollments(first: 1, after: $after, filter: $filter, orderBy: $by) { ...page } } }
fragment page on EnrollmentConnection { totalCount pageInfo { endCursor hasNextPage }
  nodes { id dueAt user { id } } }"""
ROOTS = ("enrollments", "user", "course")


async def due(school: School, enrollment: Enrollment, moment: str) -> None:
    id_ = school.id(NodeKind.ENROLLMENT, enrollment)
    await school.ask(
        f'mutation {{ updateEnrollment(input: {{id: "{id_}", dueAt: "{moment}"}}) {{ errors {{ code }} }} }}'
    )


def parents(school: School) -> dict[str, str]:
    return {
        "user": school.id(NodeKind.USER, school.learner),
        "course": school.id(NodeKind.COURSE, school.courses[0]),
    }


def page_of(data: dict[str, Any], root: str) -> dict[str, Any]:
    found: dict[str, Any] = data[root]
    return found if root == "enrollments" else found["enrollments"]


async def test_every_list_is_ordered_and_narrowed_alike(school: School) -> None:
    mine = [each for each in school.enrollments if each.user_id == school.learner.id]
    await due(school, mine[0], "2030-01-02T00:00:00Z")
    await due(school, mine[1], "2030-01-01T00:00:00Z")
    ids = parents(school)
    soonest = {
        "by": {"field": "DUE_AT"},
        "filter": {"status": "ACTIVE", "dueFrom": "2029-01-01T00:00:00Z"},
    }
    first = (await school.ask(NESTED, {**ids, **soonest})).data
    in_order = [school.id(NodeKind.ENROLLMENT, each) for each in reversed(mine)]
    for root, count in zip(ROOTS, (2, 2, 1), strict=True):
        page = page_of(first, root)
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (count, count > 1), root
        if count == 2:
            assert page["nodes"][0]["id"] == in_order[0]
            after = {"after": page["pageInfo"]["endCursor"]}
            reply = await school.ask(NESTED, {**ids, **soonest, **after})
            rest = page_of(reply.body["data"], root)
            assert [node["id"] for node in rest["nodes"]] == in_order[1:]


async def test_a_cursor_is_of_its_filter_and_its_order(school: School) -> None:
    ids = parents(school)
    given = {"by": {"field": "PROGRESS", "direction": "DESC"}, "filter": {"progressBelow": 0.5}}
    first = (await school.ask(NESTED, {**ids, **given})).data
    for root in ROOTS:
        after = {"after": page_of(first, root)["pageInfo"]["endCursor"]}
        for other in ({"filter": {"progressBelow": 0.25}}, {"by": {"field": "ENROLLED_AT"}}):
            reply = await school.ask(NESTED, {**ids, **given, **other, **after})
            assert reply.codes == ["INVALID_CURSOR"] * 3
