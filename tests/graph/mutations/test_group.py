from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from school import School

FIELDS = "errors { code field } group { id name version parent { id } }"
CREATE = f"mutation ($input: CreateGroupInput!) {{ createGroup(input: $input) {{ {FIELDS} }} }}"
UPDATE = f"mutation ($input: UpdateGroupInput!) {{ updateGroup(input: $input) {{ {FIELDS} }} }}"
DELETE = """mutation ($input: DeleteGroupInput!) { deleteGroup(input: $input) {
  errors { code field } deletedGroupId } }"""


async def test_a_group_is_made_renamed_moved_and_deleted(school: School) -> None:
    top = school.id(NodeKind.GROUP, school.group)
    made = (await school.ask(CREATE, {"input": {"name": "Team", "parentId": top}})).data["createGroup"]
    team = made["group"]
    assert made["errors"] == []
    assert team == {"id": team["id"], "name": "Team", "version": 1, "parent": {"id": top}}
    given = {"id": team["id"], "version": 1, "name": "Board"}
    renamed = (await school.ask(UPDATE, {"input": given})).data["updateGroup"]["group"]
    assert renamed == {**team, "name": "Board", "version": 2}
    given = {"id": team["id"], "version": 2, "parentId": None}
    moved = (await school.ask(UPDATE, {"input": given})).data["updateGroup"]["group"]
    assert moved == {**renamed, "parent": None, "version": 3}
    gone = (await school.ask(DELETE, {"input": {"id": team["id"], "version": 3}})).data["deleteGroup"]
    assert gone == {"errors": [], "deletedGroupId": team["id"]}
    assert (await school.ask(f'{{ group(id: "{team["id"]}") {{ id }} }}')).data == {"group": None}


@pytest.mark.parametrize(
    ("document", "given", "refused"),
    [
        (CREATE, {"name": "\0"}, ("VALIDATION_FAILED", "name")),
        (CREATE, {"name": "x", "parentId": "garbage"}, ("INVALID_ID", "parentId")),
        (UPDATE, {"version": 9, "name": "x"}, ("CONFLICT", None)),
        (UPDATE, {"version": 1, "name": None}, ("VALIDATION_FAILED", "name")),
        (UPDATE, {"version": 1, "parentId": "$own"}, ("VALIDATION_FAILED", "parentId")),
        (UPDATE, {"version": 1, "parentId": "$user"}, ("INVALID_ID", "parentId")),
        (UPDATE, {"version": 1, "parentId": "$gone"}, ("NOT_FOUND", "parentId")),
        (DELETE, {"version": 9}, ("CONFLICT", None)),
        (DELETE, {"id": "$gone"}, ("NOT_FOUND", "id")),
    ],
)
async def test_what_cannot_be_is_told_by_field(
    school: School, document: str, given: dict[str, Any], refused: tuple[str, str | None]
) -> None:
    ids = {
        "$own": school.id(NodeKind.GROUP, school.group),
        "$user": school.id(NodeKind.USER, school.owner),
        "$gone": school.id(NodeKind.GROUP, new_id()),
    }
    if document is not CREATE:
        given = {"id": "$own", **given}
    named = {name: ids.get(value, value) for name, value in given.items()}
    reply = await school.ask(document, {"input": named})
    assert (reply.code, reply.field) == refused
