import pytest

from harka.ids import NodeKind
from harka.learning import group, group_manager, group_member
from school import School

LISTS = """query ($first: Int!) {
  users(first: 50) { nodes { managedGroups(first: $first) { totalCount nodes { id } } } }
  groups(first: 50) { nodes { managers(first: $first) { totalCount nodes { id } } } } }"""
NEXT = """query ($id: ID!, $after: String) { user(id: $id) { managedGroups(first: 1, after: $after) {
  nodes { id } pageInfo { endCursor hasNextPage } } } }"""
NEXT_MANAGERS = """query ($id: ID!, $after: String) { group(id: $id) { managers(first: 1, after: $after) {
  nodes { id } pageInfo { endCursor hasNextPage } } } }"""


async def test_lists_of_managers_go_on_and_cost_the_same_whatever_their_length(school: School) -> None:
    async with school.work() as work:
        teams = [await group.create(work, name=f"Team {n}") for n in range(3)]
        for team in teams:
            await group_manager.assign(work, team.id, school.instructor.id)
        await group_manager.assign(work, teams[0].id, school.learner.id)
    short, long = [await school.ask(LISTS, {"first": first}) for first in (1, 50)]
    assert short.statements == long.statements
    managed = [node["managedGroups"]["totalCount"] for node in long.data["users"]["nodes"]]
    assert sorted(managed) == [0, 0, 1, 3]
    assert [node["managers"]["totalCount"] for node in long.data["groups"]["nodes"]] == [0, 2, 1, 1]
    for document, of, kind, expected in (
        (NEXT, school.id(NodeKind.USER, school.instructor), NodeKind.GROUP, teams),
        (NEXT_MANAGERS, school.id(NodeKind.GROUP, teams[0]), NodeKind.USER, school.people[1:3]),
    ):
        seen, after, has_more = [], None, True
        while has_more:
            (root,) = (await school.ask(document, {"id": of, "after": after})).data.values()
            (page,) = root.values()
            seen += [node["id"] for node in page["nodes"]]
            after, has_more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert seen == [school.id(kind, each) for each in sorted(expected, key=lambda each: each.id)]


BESIDE = {
    "group members": "children(first: 5) { nodes { id } }",
    "group managers": "children(first: 5) { nodes { id } }",
    "user groups": "enrollments(first: 1) { nodes { id } }",
    "user managedGroups": "enrollments(first: 1) { nodes { id } }",
}


@pytest.mark.parametrize("name", BESIDE)
async def test_a_next_page_is_read_beside_another_list(school: School, name: str) -> None:
    """It takes two statements: the transaction may not end with the first (a plan that fails is noticed)."""
    async with school.work() as work:
        teams = [await group.create(work, name=f"Team {n}") for n in range(2)]
        for team in teams:
            await group_member.add(work, team.id, [each.id for each in school.people[:3]])
            for person in school.people[1:3]:
                await group_manager.assign(work, team.id, person.id)
    noun, listed = name.split()
    of = (
        school.id(NodeKind.GROUP, teams[0]) if noun == "group" else school.id(NodeKind.USER, school.people[1])
    )
    document = f"""query ($id: ID!, $after: String) {{ {noun}(id: $id) {{
      {listed}(first: 1, after: $after) {{ nodes {{ id }} pageInfo {{ endCursor }} }} {BESIDE[name]} }} }}"""
    page = (await school.ask(document, {"id": of})).data[noun][listed]
    after = page["pageInfo"]["endCursor"]
    rest = (await school.ask(document, {"id": of, "after": after})).data[noun][listed]
    assert len(rest["nodes"]) == 1
    assert rest["nodes"] != page["nodes"]
