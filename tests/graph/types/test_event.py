from typing import Any

import pytest

from harka.ids import NodeKind
from harka.learning import group
from harka.tenancy.permission import Permission
from school import School

PAGE = """query ($first: Int!, $after: String, $types: [EventType!]) {
  events(first: $first, after: $after, filter: {types: $types}) {
    nodes { id type subjectId actorKind actorId userId courseId fields createdAt updatedAt version
      user { name } course { title } enrollment { user { name } } }
    pageInfo { endCursor hasNextPage } totalCount } }"""
RENAME = """mutation ($id: ID!) {
  updateUser(input: {id: $id, version: 1, name: "Grace"}) { user { name } errors { code } } }"""


async def page(school: School, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await school.ask(PAGE, {"first": 100, **variables})).data["events"]
    return found


async def test_a_change_is_told_with_who_did_it_and_what_it_is_now(school: School) -> None:
    id_ = school.id(NodeKind.USER, school.learner)
    reply = await school.ask(RENAME, {"id": id_}, caller=school.owner)
    assert reply.data["updateUser"]["errors"] == []
    # tests beside this one may have transactions under way that were begun before
    while not (found := (await page(school, types=["USER_UPDATED"]))["nodes"]):
        pass
    (told,) = found
    assert told["updatedAt"] == told["createdAt"]
    assert told | {"id": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "type": "USER_UPDATED",
        "subjectId": id_,
        "actorKind": "USER",
        "actorId": school.id(NodeKind.USER, school.owner),
        "userId": None,
        "courseId": None,
        "fields": ["name"],
        "createdAt": "",
        "updatedAt": "",
        "version": 1,
        "user": {"name": "Grace"},
        "course": None,
        "enrollment": None,
    }
    text = "query ($id: ID!) { event(id: $id) { id type } node(id: $id) { id } }"
    one = await school.ask(text, {"id": told["id"]})
    assert one.data == {"event": {"id": told["id"], "type": "USER_UPDATED"}, "node": {"id": told["id"]}}


async def test_the_object_is_there_whatever_it_is_and_to_whom_may_see_it(school: School) -> None:
    async with school.work() as work:
        team, gone = [await group.create(work, name=name) for name in ("Team", "Gone")]
        await group.delete(work, gone.id)
    text = """{ events(first: 100, filter: {types: [GROUP_CREATED, COURSE_CREATED]}) {
      nodes { subjectId subject { __typename id ... on Group { name } ... on Course { title } } } } }"""
    held = school.id(NodeKind.GROUP, team)

    async def subjects(**asked: Any) -> dict[str, Any]:
        while True:
            nodes = (await school.ask(text, **asked)).data["events"]["nodes"]
            found = {node["subjectId"]: node["subject"] for node in nodes}
            if held in found:
                return found

    found = await subjects()
    assert found[held] == {"__typename": "Group", "id": held, "name": "Team"}
    assert found[school.id(NodeKind.GROUP, gone)] is None
    course = school.courses[0]
    assert found[school.id(NodeKind.COURSE, course)]["title"] == course.title
    narrow = await subjects(caller=[Permission.EVENT_READ, Permission.COURSE_READ])
    assert narrow[held] is None
    assert narrow[school.id(NodeKind.COURSE, course)]["title"] == course.title


async def test_the_stream_is_read_on_from_a_cursor_in_one_order(school: School) -> None:
    whole = await page(school)
    assert whole["totalCount"] == len(whole["nodes"]) > 3
    read, after = [], None
    while True:
        part = await page(school, first=3, after=after)
        read += part["nodes"]
        after = part["pageInfo"]["endCursor"]
        if not part["pageInfo"]["hasNextPage"]:
            break
    assert read == whole["nodes"]


async def test_as_many_statements_for_one_event_as_for_many(school: School) -> None:
    few = await school.ask(PAGE, {"first": 8})
    many = await school.ask(PAGE, {"first": 80})
    assert len(few.data["events"]["nodes"]) < len(many.data["events"]["nodes"])
    assert few.statements <= many.statements <= 7


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"types": []}, "VALIDATION_FAILED"),
        ({"first": 101}, "VALIDATION_FAILED"),
        ({"after": "garbage"}, "INVALID_CURSOR"),
        ({"after": "\0"}, "INVALID_CURSOR"),
    ],
    ids=["no type", "too many", "no cursor", "nul"],
)
async def test_what_cannot_be_asked_is_told(school: School, variables: dict[str, Any], code: str) -> None:
    assert (await school.ask(PAGE, {"first": 1, **variables})).code == code
