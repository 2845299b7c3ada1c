import pytest

from harka.ids import NodeKind
from harka.learning import course as courses
from harka.learning.course import CourseDraft
from school import School

PAGE = """query Page($first: Int!, $after: String, $status: CourseStatus) {
  courses(first: $first, after: $after, filter: { status: $status }) {
    edges { cursor node { id } } nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


async def test_pages_follow_each_other_without_gaps_or_doubles(school: School) -> None:
    whole = (await school.ask(PAGE, {"first": 100})).data["courses"]
    seen: list[str] = []
    after = None
    for _ in range(4):
        page = (await school.ask(PAGE, {"first": 1, "after": after})).data["courses"]
        seen += [node["id"] for node in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        assert page["pageInfo"]["hasNextPage"] == (len(seen) < 4)
        after = page["pageInfo"]["endCursor"]
    assert seen == [node["id"] for node in whole["nodes"]]
    beyond = (await school.ask(PAGE, {"first": 1, "after": after})).data["courses"]
    assert beyond == {
        "edges": [],
        "nodes": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": True,
            "startCursor": None,
            "endCursor": None,
        },
    }


async def test_a_page_stays_where_it_is_when_rows_are_added(school: School) -> None:
    first = (await school.ask(PAGE, {"first": 2})).data["courses"]
    async with school.work() as work:
        await courses.create(work, CourseDraft(title="Later", code="LATER"))
    second = (await school.ask(PAGE, {"first": 9, "after": first["pageInfo"]["endCursor"]})).data["courses"]
    ids = [node["id"] for node in first["nodes"] + second["nodes"]]
    assert len(ids) == len(set(ids)) == 5


async def test_edges_carry_the_cursors_of_the_page(school: School) -> None:
    page = (await school.ask(PAGE, {"first": 3})).data["courses"]
    cursors = [edge["cursor"] for edge in page["edges"]]
    assert page["pageInfo"]["startCursor"] == cursors[0]
    assert page["pageInfo"]["endCursor"] == cursors[-1]
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]
    middle = (await school.ask(PAGE, {"first": 1, "after": cursors[0]})).data["courses"]
    assert middle["nodes"] == [page["nodes"][1]]


@pytest.mark.parametrize("first", [-1, 101, 2**31 - 1])
async def test_a_size_out_of_range_is_refused_before_any_sql(school: School, first: int) -> None:
    reply = await school.ask(PAGE, {"first": first})
    assert (reply.code, reply.statements) == ("VALIDATION_FAILED", 0)
    assert reply.body["errors"][0]["extensions"]["field"] == "first"


async def test_an_empty_page_still_tells_whether_there_is_more(school: School) -> None:
    page = (await school.ask(PAGE, {"first": 0})).data["courses"]
    assert page["nodes"] == []
    assert page["pageInfo"]["hasNextPage"]


async def test_a_cursor_is_bound_to_its_list_and_filters(school: School) -> None:
    cursor = (await school.ask(PAGE, {"first": 1})).data["courses"]["pageInfo"]["endCursor"]
    user = school.id(NodeKind.USER, school.owner)
    for asked in (
        f'{{ users(first: 1, after: "{cursor}") {{ nodes {{ id }} }} }}',
        f'{{ courses(first: 1, after: "{cursor}", filter: {{ status: DRAFT }}) {{ nodes {{ id }} }} }}',
        f'{{ enrollments(first: 1, after: "{cursor}") {{ nodes {{ id }} }} }}',
        f'{{ enrollments(first: 1, after: "{cursor}", filter: {{userId: "{user}"}}) {{ nodes {{ id }} }} }}',
        '{ courses(first: 1, after: "") { nodes { id } } }',
        '{ courses(first: 1, after: "garbage") { nodes { id } } }',
        '{ courses(first: 1, after: "\\u0000") { nodes { id } } }',
    ):
        reply = await school.ask(asked)
        assert (reply.code, reply.statements) == ("INVALID_CURSOR", 0), asked


@pytest.mark.parametrize("executor", ["compiled", "graphql-core"])
@pytest.mark.parametrize(
    ("noun", "order", "shown"),
    [
        ("users", "{ field: NAME, direction: DESC }", "name"),
        ("users", "{ field: EMAIL }", "email"),
        ("courses", "{ field: TITLE, direction: DESC }", "title"),
        ("courses", "{ field: UPDATED_AT, direction: DESC }", "updatedAt"),
    ],
)
async def test_pages_follow_each_other_in_the_order_asked_for(
    school: School, executor: str, noun: str, order: str, shown: str
) -> None:
    school = school.with_settings(executor=executor)
    asked = f"""query ($first: Int!, $after: String) {{
      {noun}(first: $first, after: $after, orderBy: {order}) {{
        totalCount nodes {{ id {shown} }} pageInfo {{ endCursor }} }} }}"""
    whole = (await school.ask(asked, {"first": 100})).data[noun]
    seen: list[str] = []
    after = None
    for _ in range(whole["totalCount"]):
        page = (await school.ask(asked, {"first": 1, "after": after})).data[noun]
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
    assert seen == whole["nodes"]
    keys = [node[shown] for node in seen]
    assert keys == sorted(keys, reverse="DESC" in order)


async def test_an_order_and_a_filter_come_as_variables(school: School) -> None:
    asked = """query ($filter: UserFilter, $order: UserOrderBy) {
      users(first: 9, filter: $filter, orderBy: $order) { totalCount nodes { email } } }"""
    text = school.learner.email[:8].upper()
    values = {"filter": {"startsWith": text, "role": "LEARNER"}, "order": {"field": "NAME"}}
    found = (await school.ask(asked, values)).data["users"]
    assert school.learner.email in [node["email"] for node in found["nodes"]]
    assert found["totalCount"] == len(found["nodes"])
    refused = await school.ask(asked, {"filter": {"startsWith": "a\0"}})
    assert (refused.code, refused.statements) == ("VALIDATION_FAILED", 0)
    refused = await school.ask(asked, {"filter": {"startsWith": "x" * 255}})
    assert (refused.code, refused.statements) == ("VALIDATION_FAILED", 0)


async def test_a_cursor_is_bound_to_its_order(school: School) -> None:
    asked = """query ($after: String) {{
      users(first: 1, after: $after, orderBy: {}) {{ pageInfo {{ endCursor }} }} }}"""
    by_name = asked.format("{ field: NAME }")
    cursor = (await school.ask(by_name)).data["users"]["pageInfo"]["endCursor"]
    for other in ("{ field: NAME, direction: DESC }", "{ field: EMAIL }", "null"):
        reply = await school.ask(asked.format(other), {"after": cursor})
        assert (reply.code, reply.statements) == ("INVALID_CURSOR", 0), other
