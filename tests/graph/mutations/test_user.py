from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from harka.repositories.user import User
from school import School

FIELDS = "errors { code field } user { id email name role status locale timezone version }"
CREATE = f"mutation ($input: CreateUserInput!) {{ createUser(input: $input) {{ {FIELDS} }} }}"
UPDATE = f"mutation ($input: UpdateUserInput!) {{ updateUser(input: $input) {{ {FIELDS} }} }}"
DEACTIVATE = f"mutation ($input: DeactivateUserInput!) {{ deactivateUser(input: $input) {{ {FIELDS} }} }}"
REACTIVATE = f"mutation ($input: ReactivateUserInput!) {{ reactivateUser(input: $input) {{ {FIELDS} }} }}"
ADA = {"email": "ada@example.com", "name": "Ada"}


async def test_a_person_is_made_changed_sent_away_and_taken_back(school: School) -> None:
    made = await school.ask(CREATE, {"input": {**ADA, "role": "INSTRUCTOR", "locale": "pt-BR"}})
    user = made.data["createUser"]["user"]
    assert made.data["createUser"]["errors"] == []
    assert user == {
        **ADA,
        "id": user["id"],
        "role": "INSTRUCTOR",
        "status": "ACTIVE",
        "locale": "pt-BR",
        "timezone": None,
        "version": 1,
    }
    given = {"id": user["id"], "version": 1, "locale": None, "timezone": "Europe/Berlin"}
    changed = (await school.ask(UPDATE, {"input": given})).data["updateUser"]["user"]
    assert changed == {**user, "locale": None, "timezone": "Europe/Berlin", "version": 2}
    away = (await school.ask(DEACTIVATE, {"input": {"id": user["id"]}})).data["deactivateUser"]["user"]
    assert away == {**changed, "status": "INACTIVE", "version": 3}
    back = (await school.ask(REACTIVATE, {"input": {"id": user["id"], "version": 3}})).data
    assert back["reactivateUser"]["user"] == {**changed, "version": 4}


async def test_a_new_manager_sees_their_groups_alone(school: School) -> None:
    fields = FIELDS.replace("version", "version managedGroups(first: 9) { nodes { id } }")
    text = CREATE.replace(FIELDS, fields)
    group = school.id(NodeKind.GROUP, school.group)
    given = {**ADA, "role": "MANAGER", "managedGroupIds": [group]}
    made = (await school.ask(text, {"input": given}, caller=school.owner)).data["createUser"]
    assert made["user"]["managedGroups"]["nodes"] == [{"id": group}]
    wrong = (await school.ask(text, {"input": {**given, "managedGroupIds": ["x"] * 21}})).data["createUser"]
    assert wrong["errors"] == [{"code": "VALIDATION_FAILED", "field": "managedGroupIds"}]


async def test_who_is_sent_away_is_nobody_at_once(school: School) -> None:
    own = "{ viewer { user { id } } }"
    assert (await school.ask(own, caller=school.learner)).data["viewer"]["user"] is not None
    await school.ask(DEACTIVATE, {"input": {"id": school.id(NodeKind.USER, school.learner)}})
    assert (await school.ask(own, caller=school.learner)).code == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("document", "given", "refused"),
    [
        (CREATE, {**ADA, "email": "x"}, ("VALIDATION_FAILED", "email")),
        (CREATE, {**ADA, "name": "\0"}, ("VALIDATION_FAILED", "name")),
        (CREATE, {**ADA, "timezone": "Nowhere"}, ("VALIDATION_FAILED", "timezone")),
        (UPDATE, {"version": 9, "name": "x"}, ("CONFLICT", None)),
        (UPDATE, {"version": 1, "name": None}, ("VALIDATION_FAILED", "name")),
        (UPDATE, {"version": 1, "role": None}, ("VALIDATION_FAILED", "role")),
        (DEACTIVATE, {"version": 9}, ("CONFLICT", None)),
    ],
)
async def test_what_cannot_be_is_told_by_field(
    school: School, document: str, given: dict[str, Any], refused: tuple[str, str | None]
) -> None:
    if document is not CREATE:
        given = {"id": school.id(NodeKind.USER, school.learner), **given}
    reply = await school.ask(document, {"input": given})
    assert (reply.code, reply.field) == refused


async def test_an_address_that_is_taken_is_refused(school: School) -> None:
    reply = await school.ask(CREATE, {"input": {**ADA, "email": school.learner.email.upper()}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "email")


async def test_who_is_not_there_is_not_found(school: School) -> None:
    for document in (DEACTIVATE, REACTIVATE):
        reply = await school.ask(document, {"input": {"id": school.id(NodeKind.USER, new_id())}})
        assert (reply.code, reply.field) == ("NOT_FOUND", "id")
        other = {"input": {"id": school.id(NodeKind.COURSE, school.courses[0])}}
        reply = await school.ask(document, other)
        assert (reply.code, reply.field, reply.statements) == ("INVALID_ID", "id", 0)


@pytest.mark.parametrize("who", ["learner", "instructor"])
async def test_others_make_and_change_nobody(school: School, who: str) -> None:
    caller: User = getattr(school, who)
    target = {"id": school.id(NodeKind.USER, school.other)}
    for document, given in (
        (CREATE, ADA),
        (UPDATE, {**target, "version": 1, "name": "x"}),
        (DEACTIVATE, target),
        (REACTIVATE, target),
    ):
        reply = await school.ask(document, {"input": given}, caller=caller)
        assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
