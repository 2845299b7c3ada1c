import pytest

from harka.ids import NodeKind
from harka.learning import user
from harka.learning.user import UserChanges
from harka.tenancy.permission import Permission
from school import School


async def test_a_list_costs_the_same_whatever_its_length(school: School) -> None:
    asked = """query ($first: Int!) { users(first: $first) { nodes {
      id email role status enrollments(first: 1) { totalCount nodes { course { title } } } } } }"""
    short = await school.ask(asked, {"first": 1})
    long = await school.ask(asked, {"first": 100})
    assert [user["role"] for user in long.data["users"]["nodes"]] == [
        "OWNER",
        "INSTRUCTOR",
        "LEARNER",
        "LEARNER",
    ]
    # the page; enrollments, their count, courses
    assert short.statements == long.statements == 4


async def test_people_are_narrowed_by_role_and_state(school: School) -> None:
    reply = await school.ask(
        """{ a: users(first: 9, filter: { role: LEARNER }) { totalCount }
        b: users(first: 9, filter: { status: INACTIVE }) { totalCount nodes { id } } }"""
    )
    assert reply.data == {"a": {"totalCount": 2}, "b": {"totalCount": 0, "nodes": []}}


async def test_people_are_narrowed_by_a_role_of_the_organizations_own(school: School) -> None:
    assert school.role is not None
    async with school.work() as work:
        await user.update(work, school.other.id, UserChanges(role_id=school.role.id), version=1)
    asked = "query ($f: UserFilter) { users(first: 9, filter: $f) { totalCount nodes { id } } }"
    role_id = school.id(NodeKind.CUSTOM_ROLE, school.role)
    found = await school.ask(asked, {"f": {"roleId": role_id}})
    assert found.data["users"] == {"totalCount": 1, "nodes": [{"id": school.id(NodeKind.USER, school.other)}]}
    refused = await school.ask(asked, {"f": {"roleId": school.id(NodeKind.USER, school.other)}})
    assert (refused.code, refused.field, refused.statements) == ("INVALID_ID", "filter.roleId", 0)


async def test_a_learner_sees_only_themselves(school: School) -> None:
    own, other = (school.id(NodeKind.USER, person) for person in (school.learner, school.other))
    asked = f"""{{ own: user(id: "{own}") {{ id email }} other: user(id: "{other}") {{ id }}
      nodes(ids: ["{other}"]) {{ id }} }}"""
    reply = await school.ask(asked, caller=school.learner)
    assert reply.data == {"own": {"id": own, "email": school.learner.email}, "other": None, "nodes": [None]}
    assert (
        await school.ask("{ users(first: 1) { nodes { id } } }", caller=school.learner)
    ).code == "FORBIDDEN"


async def test_a_key_for_people_does_not_open_their_enrollments(school: School) -> None:
    reply = await school.ask(
        "{ users(first: 9) { nodes { id enrollments(first: 1) { totalCount } } } }",
        caller=[Permission.USER_READ],
    )
    assert reply.codes == ["FORBIDDEN"] * 4
    assert [user["enrollments"] for user in reply.body["data"]["users"]["nodes"]] == [None] * 4


async def test_what_a_person_takes_part_in_goes_on_after_the_first_page(school: School) -> None:
    asked = """query ($id: ID!, $after: String) { user(id: $id) {
      enrollments(first: 1, after: $after) {
        nodes { course { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    values = {"id": school.id(NodeKind.USER, school.learner)}
    first = (await school.ask(asked, values, caller=school.learner)).data["user"]["enrollments"]
    values["after"] = first["pageInfo"]["endCursor"]
    second = (await school.ask(asked, values, caller=school.learner)).data["user"]["enrollments"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert (first["pageInfo"]["hasPreviousPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)
    courses = {page["nodes"][0]["course"]["id"] for page in (first, second)}
    assert courses == {school.id(NodeKind.COURSE, course) for course in school.courses[:2]}


@pytest.mark.parametrize("kind", [NodeKind.COURSE, NodeKind.ENROLLMENT])
async def test_the_id_of_something_else_is_no_user(school: School, kind: NodeKind) -> None:
    reply = await school.ask(f'{{ user(id: "{school.id(kind, school.learner)}") {{ id }} }}')
    assert (reply.code, reply.statements) == ("INVALID_ID", 0)
