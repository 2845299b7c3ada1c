"""Lists of people have one filter, wherever they are; it finds nobody whom the list would not show."""

from branches import branch_of
from graph.types.test_group_list import document
from harka.ids import NodeKind
from school import School


async def test_a_filter_finds_nobody_whom_the_list_does_not_show(school: School) -> None:
    """A manager of groups sees their own people in a group of others, too, and by a filter no more."""
    branch = await branch_of(school)
    assert school.group is not None
    group_id, ours = school.id(NodeKind.GROUP, school.group), school.id(NodeKind.USER, branch.ours)
    asked = [
        "",
        ', filter: {startsWith: "Person"}',
        ", orderBy: {field: NAME}",
        f', filter: {{groupId: "{group_id}"}}, orderBy: {{field: EMAIL, direction: DESC}}',
    ]
    for more in asked:
        text = document("group", "members", "", more)
        # of one, too: those beyond take up no place on a page
        reply = await school.ask(text, {"id": group_id, "first": 1}, caller=branch.manager)
        found = reply.data["group"]["members"]
        assert (found["totalCount"], [each["id"] for each in found["nodes"]]) == (1, [ours]), more
        assert not found["pageInfo"]["hasNextPage"]
        rest = {"id": group_id, "first": 9, "after": found["pageInfo"]["endCursor"]}
        reply = await school.ask(text, rest, caller=branch.manager)
        assert (reply.data["group"]["members"]["totalCount"], reply.data["group"]["members"]["nodes"]) == (
            1,
            [],
        )
    stranger = school.id(NodeKind.USER, branch.stranger)
    text = document("group", "members", "", f', filter: {{startsWith: "{branch.stranger.email}"}}')
    reply = await school.ask(text, {"id": group_id, "first": 9}, caller=branch.manager)
    assert reply.data["group"]["members"]["totalCount"] == 0
    everybody = (await school.ask(text, {"id": group_id, "first": 9})).data["group"]["members"]
    assert [each["id"] for each in everybody["nodes"]] == [stranger]
