"""A person's certificates are narrowed and ordered like everybody's, and seen by the same readers."""

from branches import branch_of
from graph.types.test_group_list import grown
from harka.ids import NodeKind
from harka.learning import group
from school import School


async def test_learners_narrow_their_own_lists_and_find_nothing_else_by_it(school: School) -> None:
    await grown(school)
    async with school.work() as work:
        await group.create(work, name="Board")
    certified, other = school.learner, school.other
    for person, name, groups, certificates in (
        (other, "b", 2, 0),
        (other, "board", 0, 0),
        (certified, "C", 1, 2),
    ):
        text = f"""{{ viewer {{ user {{
          groups(first: 9, filter: {{name: "{name}"}}, orderBy: {{field: NAME}}) {{
            totalCount nodes {{ id }} }}
          certificates(first: 9, filter: {{state: VALID}}, orderBy: {{field: EXPIRES_AT}}) {{
            totalCount nodes {{ id }} }} }} }} }}"""
        found = (await school.ask(text, caller=person)).data["viewer"]["user"]
        assert (found["groups"]["totalCount"], len(found["groups"]["nodes"])) == (groups, groups)
        assert found["certificates"]["totalCount"] == len(found["certificates"]["nodes"]) == certificates


async def test_a_filter_finds_no_certificate_of_people_beyond(school: School) -> None:
    branch = await branch_of(school)
    for person, expected in ((branch.ours, 1), (branch.stranger, 0)):
        id_ = school.id(NodeKind.USER, person)
        text = f"""{{ group(id: "{school.id(NodeKind.GROUP, school.group)}") {{ members(first: 9) {{ nodes {{
          certificates(first: 9, filter: {{userId: "{id_}", state: VALID}}, orderBy: {{field: EXPIRES_AT}}) {{
            totalCount nodes {{ user {{ id }} }} }} }} }} }} }}"""
        reply = await school.ask(text, caller=branch.manager)
        found = [each["certificates"] for each in reply.data["group"]["members"]["nodes"]]
        assert sum(each["totalCount"] for each in found) == expected
        assert [node["user"]["id"] for each in found for node in each["nodes"]] == [id_] * expected
        # who sees everybody finds both
        everything = (await school.ask(text)).data["group"]["members"]["nodes"]
        assert sum(each["certificates"]["totalCount"] for each in everything) == 1
