import pytest

from branches import branch_of
from harka.ids import NodeKind, new_id
from school import School

ASSIGN = """mutation ($input: AssignManagerInput!) { change: assignManager(input: $input) {
  errors { code field } changed user { managedGroups(first: 9) { totalCount nodes { id } } }
  group { managers(first: 9) { totalCount } } } }"""
UNASSIGN = ASSIGN.replace("assignManager", "unassignManager").replace("AssignManager", "UnassignManager")


async def test_who_is_given_a_group_sees_it_at_the_next_request(school: School) -> None:
    given = {
        "groupId": school.id(NodeKind.GROUP, school.group),
        "userId": school.id(NodeKind.USER, school.instructor),
    }
    answers = [
        (await school.ask(document, {"input": given})).data["change"]
        for document in (ASSIGN, ASSIGN, UNASSIGN, UNASSIGN)
    ]
    assert [each["changed"] for each in answers] == [True, False, True, False]
    assert [each["group"]["managers"]["totalCount"] for each in answers] == [1, 1, 0, 0]
    assert answers[0]["user"]["managedGroups"] == {"totalCount": 1, "nodes": [{"id": given["groupId"]}]}


async def test_a_manager_sees_nobody_after_the_last_group_unless_that_is_said(school: School) -> None:
    branch = await branch_of(school)
    asked = "{ users(first: 1) { totalCount } }"
    assert (await school.ask(asked, caller=branch.manager)).data["users"]["totalCount"] == 2
    given = {
        "groupId": school.id(NodeKind.GROUP, branch.top),
        "userId": school.id(NodeKind.USER, branch.manager),
    }
    for frees, changed, seen in ((False, True, 1), (False, False, 1), (True, False, 5), (False, False, 5)):
        reply = await school.ask(UNASSIGN, {"input": {**given, "seesEverybody": frees}})
        assert reply.data["change"]["changed"] is changed
        assert (await school.ask(asked, caller=branch.manager)).data["users"]["totalCount"] == seen


@pytest.mark.parametrize("document", [ASSIGN, UNASSIGN])
async def test_what_cannot_be_is_told_by_field(school: School, document: str) -> None:
    group, person = school.id(NodeKind.GROUP, school.group), school.id(NodeKind.USER, school.learner)
    for given, refused in (
        ({"groupId": "garbage", "userId": person}, ("INVALID_ID", "groupId")),
        ({"groupId": group, "userId": group}, ("INVALID_ID", "userId")),
        (
            {"groupId": school.id(NodeKind.GROUP, new_id()), "userId": person},
            ("NOT_FOUND", "groupId"),
        ),
        ({"groupId": group, "userId": school.id(NodeKind.USER, new_id())}, ("NOT_FOUND", "userId")),
    ):
        reply = await school.ask(document, {"input": given})
        assert (reply.code, reply.field) == refused


@pytest.mark.parametrize("document", [ASSIGN, UNASSIGN], ids=["assign", "unassign"])
async def test_another_version_of_the_person_is_a_conflict(school: School, document: str) -> None:
    given = {
        "groupId": school.id(NodeKind.GROUP, school.group),
        "userId": school.id(NodeKind.USER, school.instructor),
        "version": school.instructor.version + 1,
    }
    refused = (await school.ask(document, {"input": given})).data["change"]
    assert refused["errors"] == [{"code": "CONFLICT", "field": None}]
    assert refused["changed"] is None
    own = await school.ask(document, {"input": {**given, "version": school.instructor.version}})
    assert own.data["change"]["errors"] == []
