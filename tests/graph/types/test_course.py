import pytest

from harka.ids import NodeKind, new_id
from harka.tenancy.permission import Permission
from school import School

DEEP = """query Deep($first: Int!) { courses(first: $first) { totalCount nodes {
  id modules { id lessons { id course { id } module { id } } }
  enrollments(first: 2) { totalCount nodes {
    user { id } course { id } lessonProgress { id } completion { id } } }
} } }"""


async def test_a_list_costs_the_same_whatever_its_length(school: School) -> None:
    short = await school.ask(DEEP, {"first": 1})
    long = await school.ask(DEEP, {"first": 100})
    assert len(long.data["courses"]["nodes"]) == 4
    # page, count; modules, lessons, their modules; enrollments, their count, users, progress, completions
    assert short.statements == long.statements == 10


async def test_a_page_without_a_count_is_one_statement(school: School) -> None:
    reply = await school.ask(
        "{ courses(first: 2) { edges { cursor node { id title status } } pageInfo { endCursor } } }"
    )
    assert len(reply.data["courses"]["edges"]) == 2
    assert reply.statements == 1


async def test_the_values_are_those_of_the_row(school: School) -> None:
    course = school.courses[0]
    reply = await school.ask(
        """query ($id: ID!) { course(id: $id) {
        id code slug title description status publishedAt archivedAt createdAt version } }""",
        {"id": school.id(NodeKind.COURSE, course)},
    )
    assert reply.statements == 1
    assert course.published_at is not None
    assert reply.data["course"] == {
        "id": school.id(NodeKind.COURSE, course),
        "code": course.code,
        "slug": course.slug,
        "title": course.title,
        "description": "",
        "status": "PUBLISHED",
        "publishedAt": course.published_at.isoformat(),
        "archivedAt": None,
        "createdAt": course.created_at.isoformat(),
        "version": 1,
    }


async def test_many_courses_by_id_or_code_are_one_statement_each_way(school: School) -> None:
    ids = [school.id(NodeKind.COURSE, course) for course in school.courses]
    fields = " ".join(f'i{n}: course(id: "{id_}") {{ id }}' for n, id_ in enumerate(ids))
    fields += " ".join(
        f' c{n}: course(code: "{course.code}") {{ id }}' for n, course in enumerate(school.courses)
    )
    reply = await school.ask(f"{{ {fields} }}")
    assert (
        [reply.data[f"i{n}"]["id"] for n in range(3)] == ids == [reply.data[f"c{n}"]["id"] for n in range(3)]
    )
    assert reply.statements == 2


async def test_a_course_is_asked_for_in_exactly_one_way(school: School) -> None:
    assert (await school.ask("{ course { id } }")).code == "VALIDATION_FAILED"
    both = f'{{ course(id: "{school.id(NodeKind.COURSE, school.courses[0])}", code: "x") {{ id }} }}'
    assert (await school.ask(both)).code == "VALIDATION_FAILED"


async def test_an_absent_course_is_null(school: School) -> None:
    gone = school.id(NodeKind.COURSE, new_id())
    reply = await school.ask(f'{{ a: course(id: "{gone}") {{ id }} b: course(code: "gone") {{ id }} }}')
    assert reply.data == {"a": None, "b": None}


async def test_a_draft_is_absent_for_who_does_not_write_courses(school: School) -> None:
    assert school.draft is not None
    asked = (
        "query ($id: ID!, $code: String!) { a: course(id: $id) { id } b: course(code: $code) { id } "
        "node(id: $id) { id } courses(first: 10) { totalCount nodes { id } } }"
    )
    values = {"id": school.id(NodeKind.COURSE, school.draft), "code": school.draft.code}
    seen = (await school.ask(asked, values, caller=school.learner)).data
    assert (seen["a"], seen["b"], seen["node"], seen["courses"]["totalCount"]) == (None, None, None, 3)
    seen = (await school.ask(asked, values, caller=school.owner)).data
    assert seen["a"] == seen["b"] == seen["node"] == {"id": values["id"]}
    assert seen["courses"]["totalCount"] == 4


@pytest.mark.parametrize(("status", "count"), [("DRAFT", 1), ("PUBLISHED", 3), ("ARCHIVED", 0)])
async def test_courses_are_narrowed_to_a_state(school: School, status: str, count: int) -> None:
    reply = await school.ask(
        f"{{ courses(first: 10, filter: {{ status: {status} }}) {{ totalCount nodes {{ status }} }} }}"
    )
    assert reply.data["courses"] == {"totalCount": count, "nodes": [{"status": status}] * count}


async def test_a_learner_sees_only_their_own_enrollment_in_a_course(school: School) -> None:
    asked = "{ courses(first: 10) { nodes { enrollments(first: 10) { totalCount nodes { user { id } } } } } }"
    pages = (await school.ask(asked, caller=school.learner)).data["courses"]["nodes"]
    own = {"totalCount": 1, "nodes": [{"user": {"id": school.id(NodeKind.USER, school.learner)}}]}
    assert [page["enrollments"] for page in pages] == [own, own, {"totalCount": 0, "nodes": []}]
    pages = (await school.ask(asked, caller=school.instructor)).data["courses"]["nodes"]
    assert [page["enrollments"]["totalCount"] for page in pages] == [4, 4, 0]


async def test_enrollments_of_a_course_go_on_after_the_first_page(school: School) -> None:
    asked = """query ($id: ID!, $after: String) { course(id: $id) {
      enrollments(first: 3, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }"""
    values = {"id": school.id(NodeKind.COURSE, school.courses[0])}
    first = (await school.ask(asked, values)).data["course"]["enrollments"]
    after = first["pageInfo"]["endCursor"]
    second = (await school.ask(asked, {**values, "after": after})).data["course"]["enrollments"]
    assert first["pageInfo"]["hasNextPage"]
    assert not second["pageInfo"]["hasNextPage"]
    seen = [node["id"] for node in first["nodes"] + second["nodes"]]
    wanted = [e for e in school.enrollments if e.course_id == school.courses[0].id]
    assert set(seen) == {school.id(NodeKind.ENROLLMENT, e) for e in wanted}
    assert len(seen) == 4
    # the cursor belongs to this course's list
    other = {"id": school.id(NodeKind.COURSE, school.courses[1]), "after": after}
    assert (await school.ask(asked, other)).code == "INVALID_CURSOR"


async def test_a_key_without_the_scope_is_refused(school: School) -> None:
    reply = await school.ask("{ courses(first: 1) { nodes { id } } }", caller=[Permission.USER_READ])
    assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
    assert reply.body["data"] == {"courses": None}
