from harka.ids import NodeKind
from harka.learning import group, group_member
from harka.repositories.group import Group
from school import School

EVERYTHING = """query ($first: Int!) { groups(first: $first) { totalCount nodes {
  id name version parent { id }
  children(first: 2) { totalCount nodes { id parent { id } } }
  members(first: 2) { totalCount pageInfo { hasNextPage } nodes {
    id groups(first: 1) { totalCount nodes { id } } } } } } }"""


async def grown(school: School) -> list[Group]:
    """The school's group and three below it, one person in each."""
    assert school.group is not None
    async with school.work() as work:
        below = [await group.create(work, name=f"Team {n}", parent_id=school.group.id) for n in range(3)]
        for each, person in zip(below, school.people, strict=False):
            await group_member.add(work, each.id, [person.id])
    return [school.group, *below]


async def test_a_list_costs_the_same_whatever_its_length(school: School) -> None:
    groups = await grown(school)
    short = await school.ask(EVERYTHING, {"first": 1})
    long = await school.ask(EVERYTHING, {"first": 50})
    nodes = long.data["groups"]["nodes"]
    ids = [school.id(NodeKind.GROUP, each) for each in groups]
    assert [node["id"] for node in nodes] == ids
    assert [node["parent"] for node in nodes] == [None, *[{"id": ids[0]}] * 3]
    assert nodes[0]["children"] == {
        "totalCount": 3,
        "nodes": [{"id": id_, "parent": {"id": ids[0]}} for id_ in ids[1:3]],
    }
    assert (nodes[0]["members"]["totalCount"], nodes[0]["members"]["pageInfo"]["hasNextPage"]) == (4, True)
    assert nodes[3]["members"]["nodes"][0]["groups"]["totalCount"] == 2
    assert short.statements == long.statements


async def test_groups_are_narrowed_by_name_and_place(school: School) -> None:
    top, *below = await grown(school)
    asked = "query ($f: GroupFilter) { groups(first: 9, filter: $f) { totalCount nodes { id } } }"
    for only, expected in (
        ({"isTop": True}, [top]),
        ({"isTop": False}, below),
        ({"name": "team 1"}, below[1:2]),
        ({"name": "TEAM", "isTop": True}, []),
        ({}, [top, *below]),
    ):
        found = (await school.ask(asked, {"f": only})).data["groups"]
        ids = [{"id": school.id(NodeKind.GROUP, each)} for each in expected]
        assert found == {"totalCount": len(ids), "nodes": ids}, only
    refused = await school.ask(asked, {"f": {"name": "a\0"}})
    assert (refused.code, refused.field, refused.statements) == ("VALIDATION_FAILED", "filter.name", 0)


async def test_lists_go_on_after_the_first_page(school: School) -> None:
    groups = await grown(school)
    top, person = school.id(NodeKind.GROUP, groups[0]), school.id(NodeKind.USER, school.owner)
    for asked, id_, expected in (
        ("group(id: $id) { list: children", top, [school.id(NodeKind.GROUP, each) for each in groups[1:]]),
        (
            "group(id: $id) { list: members",
            top,
            [school.id(NodeKind.USER, each) for each in sorted(school.people, key=lambda each: each.id)],
        ),
        (
            "user(id: $id) { list: groups",
            person,
            [school.id(NodeKind.GROUP, each) for each in sorted(groups[:2], key=lambda each: each.id)],
        ),
    ):
        document = f"""query ($id: ID!, $after: String) {{ of: {asked}(first: 1, after: $after) {{
          totalCount nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }} }} }}"""
        seen, after, has_more = [], None, True
        while has_more:
            page = (await school.ask(document, {"id": id_, "after": after})).data["of"]["list"]
            assert page["totalCount"] == len(expected)
            seen += [node["id"] for node in page["nodes"]]
            after, has_more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert seen == expected


async def test_learners_read_which_groups_they_are_in(school: School) -> None:
    async with school.work() as work:
        top = await group.create(work, name="Top")
        team = await group.create(work, name="Team", parent_id=top.id)
        await group_member.add(work, team.id, [school.learner.id, school.other.id])
    id_, other = school.id(NodeKind.GROUP, team), school.id(NodeKind.USER, school.other)
    shown = "groups(first: 9) { totalCount nodes { id name parent { id } } }"
    text = f'{{ viewer {{ user {{ {shown} }} }} user(id: "{other}") {{ id }} node(id: "{id_}") {{ id }} }}'
    reply = await school.ask(text, caller=school.learner)
    all_ = {"id": school.id(NodeKind.GROUP, school.group), "name": "Everybody", "parent": None}
    found = {"totalCount": 2, "nodes": [all_, {"id": id_, "name": "Team", "parent": None}]}
    assert reply.data == {"viewer": {"user": {"groups": found}}, "user": None, "node": {"id": id_}}
    members = f'{{ node(id: "{id_}") {{ ... on Group {{ members(first: 9) {{ totalCount }} }} }} }}'
    assert (await school.ask(members, caller=school.learner)).code == "FORBIDDEN"


async def test_learners_see_no_other_group_by_any_way(school: School) -> None:
    async with school.work() as work:
        id_ = school.id(NodeKind.GROUP, await group.create(work, name="Staff"))
    hidden = await school.ask(f'{{ nodes(ids: ["{id_}"]) {{ id }} }}', caller=school.learner)
    assert hidden.data == {"nodes": [None]}
    for asked in (
        f'{{ group(id: "{id_}") {{ id }} }}',
        "{ groups(first: 1) { totalCount } }",
    ):
        assert (await school.ask(asked, caller=school.learner)).code == "FORBIDDEN"
    seen = await school.ask(f'{{ node(id: "{id_}") {{ id }} }}', caller=school.instructor)
    assert seen.data == {"node": {"id": id_}}
