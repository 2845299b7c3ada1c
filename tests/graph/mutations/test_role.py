from typing import Any

from harka.ids import NodeKind
from school import School

FIELDS = "errors { code field } role { id name permissions version }"
CREATE = f"mutation ($input: CreateRoleInput!) {{ change: createRole(input: $input) {{ {FIELDS} }} }}"
UPDATE = f"mutation ($input: UpdateRoleInput!) {{ change: updateRole(input: $input) {{ {FIELDS} }} }}"
DELETE = f"mutation ($input: DeleteRoleInput!) {{ change: deleteRole(input: $input) {{ {FIELDS} }} }}"
GIVE = """mutation ($input: UpdateUserInput!) { change: updateUser(input: $input) {
  errors { code field } user { role customRole { name } } } }"""


async def changed(school: School, document: str, **given: Any) -> Any:
    return (await school.ask(document, {"input": given})).data["change"]


async def test_a_role_is_made_given_changed_taken_back_and_deleted(school: School) -> None:
    made = (await changed(school, CREATE, name="Author", permissions=["course:read", "course:write"]))["role"]
    person = school.id(NodeKind.USER, school.learner)
    given = await changed(school, GIVE, id=person, version=1, roleId=made["id"])
    assert given == {"errors": [], "user": {"role": "CUSTOM", "customRole": {"name": "Author"}}}
    asked = "{ viewer { permissions user { role customRole { name } } } }"
    seen = (await school.ask(asked, caller=school.learner)).data["viewer"]
    assert seen == {
        "permissions": ["course:read", "course:write"],
        "user": {"role": "CUSTOM", "customRole": {"name": "Author"}},
    }
    await changed(school, UPDATE, id=made["id"], version=1, permissions=["course:read"])
    seen = (await school.ask(asked, caller=school.learner)).data["viewer"]
    assert seen["permissions"] == ["course:read"]
    held = await changed(school, DELETE, id=made["id"])
    assert held == {"errors": [{"code": "CONFLICT", "field": "id"}], "role": None}
    back = await changed(school, GIVE, id=person, version=2, role="LEARNER")
    assert back["user"] == {"role": "LEARNER", "customRole": None}
    gone = await changed(school, DELETE, id=made["id"])
    assert (gone["errors"], gone["role"]["name"]) == ([], "Author")


async def test_what_cannot_be_is_told_by_field(school: School) -> None:
    made = (await changed(school, CREATE, name="Author", permissions=["course:read"]))["role"]
    person = school.id(NodeKind.USER, school.learner)
    wrong: list[tuple[str, dict[str, Any], str, str]] = [
        (CREATE, {"name": "author", "permissions": ["course:read"]}, "VALIDATION_FAILED", "name"),
        (CREATE, {"name": "X", "permissions": ["x"]}, "VALIDATION_FAILED", "permissions"),
        (UPDATE, {"id": made["id"], "version": 7}, "CONFLICT", ""),
        (UPDATE, {"id": made["id"], "version": 1, "name": None}, "VALIDATION_FAILED", "name"),
        (UPDATE, {"id": person, "version": 1}, "INVALID_ID", "id"),
        (GIVE, {"id": person, "version": 1, "roleId": person}, "INVALID_ID", "roleId"),
        (GIVE, {"id": person, "version": 1, "role": "CUSTOM"}, "VALIDATION_FAILED", "role"),
        (
            GIVE,
            {"id": person, "version": 1, "role": "ADMIN", "roleId": made["id"]},
            "VALIDATION_FAILED",
            "role",
        ),
    ]
    for document, given, code, field in wrong:
        (error,) = (await changed(school, document, **given))["errors"]
        assert (error["code"], error["field"] or "") == (code, field)
