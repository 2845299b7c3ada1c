from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from school import School

ADD = """mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) {
  errors { code field } added group { members(first: 9) { totalCount } } } }"""
REMOVE = """mutation ($input: RemoveGroupMembersInput!) { removeGroupMembers(input: $input) {
  errors { code field } removed group { members(first: 9) { totalCount } } } }"""


async def test_people_are_taken_out_and_put_back(school: School) -> None:
    people = [school.id(NodeKind.USER, each) for each in school.people]
    given = {"groupId": school.id(NodeKind.GROUP, school.group), "userIds": people[:3]}
    out = (await school.ask(REMOVE, {"input": given})).data["removeGroupMembers"]
    assert out == {"errors": [], "removed": 3, "group": {"members": {"totalCount": 1}}}
    back = (await school.ask(ADD, {"input": {**given, "userIds": people + people}})).data["addGroupMembers"]
    assert back == {"errors": [], "added": 3, "group": {"members": {"totalCount": 4}}}


@pytest.mark.parametrize("document", [ADD, REMOVE])
@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"userIds": ["garbage"]}, ("INVALID_ID", "userIds")),
        ({"userIds": ["x"] * 1001}, ("VALIDATION_FAILED", "userIds")),
        ({"groupId": "garbage"}, ("INVALID_ID", "groupId")),
    ],
)
async def test_what_cannot_be_is_told_by_field(
    school: School, document: str, given: dict[str, Any], refused: tuple[str, str]
) -> None:
    known = {"groupId": school.id(NodeKind.GROUP, school.group), "userIds": []}
    reply = await school.ask(document, {"input": {**known, **given}})
    assert (reply.code, reply.field, reply.statements) == (*refused, 0)


async def test_who_is_not_here_is_not_found(school: School) -> None:
    people = [school.id(NodeKind.USER, id_) for id_ in (school.owner, new_id())]
    given = {"groupId": school.id(NodeKind.GROUP, school.group), "userIds": people}
    reply = await school.ask(ADD, {"input": given})
    assert (reply.code, reply.field) == ("NOT_FOUND", "userIds")


@pytest.mark.parametrize("document", [ADD, REMOVE], ids=["add", "remove"])
async def test_another_version_of_the_group_is_a_conflict_and_moves_nobody(
    school: School, document: str
) -> None:
    given = {
        "groupId": school.id(NodeKind.GROUP, school.group),
        "userIds": [school.id(NodeKind.USER, school.learner)],
    }
    stale = await school.ask(document, {"input": {**given, "version": school.group.version + 1}})
    (refused,) = stale.data.values()
    assert refused["errors"] == [{"code": "CONFLICT", "field": None}]
    count = await school.ask(
        "query ($id: ID!) { group(id: $id) { members(first: 1) { totalCount } } }", {"id": given["groupId"]}
    )
    assert count.data["group"]["members"]["totalCount"] == 4
    (done,) = (
        await school.ask(document, {"input": {**given, "version": school.group.version}})
    ).data.values()
    assert done["errors"] == []
