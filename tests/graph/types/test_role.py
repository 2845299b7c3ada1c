from harka.ids import NodeKind, new_id
from harka.learning import role, user
from harka.learning.user import UserChanges
from school import School


async def test_roles_are_listed_and_found(school: School) -> None:
    async with school.work() as work:
        made = [await role.create(work, name=f"Role {n}", permissions=["course:read"]) for n in range(2)]
    ids = [school.id(NodeKind.CUSTOM_ROLE, each) for each in (school.role, *made)]
    text = """query ($after: String) { customRoles(first: 2, after: $after) {
      totalCount nodes { id permissions } pageInfo { endCursor } } }"""
    first = (await school.ask(text)).data["customRoles"]
    assert first["totalCount"] == 3
    assert first["nodes"] == [{"id": id_, "permissions": ["course:read"]} for id_ in ids[:2]]
    rest = (await school.ask(text, {"after": first["pageInfo"]["endCursor"]})).data["customRoles"]
    assert [node["id"] for node in rest["nodes"]] == ids[2:]
    absent = school.id(NodeKind.CUSTOM_ROLE, new_id())
    found = await school.ask(
        "query ($a: ID!, $b: ID!) { a: customRole(id: $a) { id } b: customRole(id: $b) { id } "
        "nodes(ids: [$a, $b]) { id } }",
        {"a": ids[0], "b": absent},
    )
    assert found.data == {"a": {"id": ids[0]}, "b": None, "nodes": [{"id": ids[0]}, None]}


async def test_the_roles_of_many_people_come_in_one_statement(school: School) -> None:
    async with school.work() as work:
        for number, person in enumerate(school.people[1:]):
            made = await role.create(work, name=f"Role {number}", permissions=["user:read"])
            await user.update(work, person.id, UserChanges(role_id=made.id), version=1)
    text = "query ($first: Int!) { users(first: $first) { nodes { customRole { name } } } }"
    short, long = await school.ask(text, {"first": 2}), await school.ask(text, {"first": 9})
    assert short.statements == long.statements == 2
    names = [node["customRole"] for node in long.data["users"]["nodes"]]
    assert names == [None, *({"name": f"Role {n}"} for n in range(3))]


async def test_learners_see_no_role_but_their_own(school: School) -> None:
    async with school.work() as work:
        made = await role.create(work, name="Role", permissions=["course:read"])
    id_ = school.id(NodeKind.CUSTOM_ROLE, made)
    hidden = await school.ask(f'{{ node(id: "{id_}") {{ id }} }}', caller=school.learner)
    assert hidden.data == {"node": None}
