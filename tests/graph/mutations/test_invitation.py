from typing import Any

from harka.ids import NodeKind, new_id
from school import School

INVITE = """mutation ($input: InviteUserInput!) { change: inviteUser(input: $input) { errors { code field }
  token invitation { id email role state groups { id } inviter { id } user { id } version } } }"""
ACCEPT = """mutation ($input: AcceptInvitationInput!) { change: acceptInvitation(input: $input) {
  errors { code field } user { id name role status } } }"""
REVOKE = """mutation ($input: RevokeInvitationInput!) { change: revokeInvitation(input: $input) {
  errors { code field } invitation { state version } } }"""


async def changed(school: School, document: str, caller: Any = None, **given: Any) -> Any:
    return (await school.ask(document, {"input": given}, caller=caller)).data["change"]


async def test_an_invited_person_comes_in_without_signing_in(school: School) -> None:
    group = school.id(NodeKind.GROUP, school.group)
    made = await changed(
        school, INVITE, school.owner, email="new@example.com", role="INSTRUCTOR", groupIds=[group]
    )
    assert made["invitation"] == {
        "id": made["invitation"]["id"],
        "email": "new@example.com",
        "role": "INSTRUCTOR",
        "state": "OPEN",
        "groups": [{"id": group}],
        "inviter": {"id": school.id(NodeKind.USER, school.owner)},
        "user": None,
        "version": 1,
    }
    come = await changed(school, ACCEPT, token=made["token"], name="Ada")
    assert {**come["user"], "id": ""} == {"id": "", "name": "Ada", "role": "INSTRUCTOR", "status": "ACTIVE"}
    text = "query ($id: ID!) { invitation(id: $id) { state user { id } } }"
    seen = (await school.ask(text, {"id": made["invitation"]["id"]})).data["invitation"]
    assert seen == {"state": "ACCEPTED", "user": {"id": come["user"]["id"]}}
    again = await changed(school, ACCEPT, token=made["token"], name="Ada")
    assert again == {"errors": [{"code": "CONFLICT", "field": "token"}], "user": None}
    kept = await changed(school, REVOKE, school.owner, id=made["invitation"]["id"])
    assert kept["errors"] == [{"code": "CONFLICT", "field": "id"}]


async def test_a_revoked_one_lets_nobody_in(school: School) -> None:
    made = await changed(school, INVITE, school.owner, email="new@example.com")
    gone = await changed(school, REVOKE, school.owner, id=made["invitation"]["id"], version=1)
    assert gone == {"errors": [], "invitation": {"state": "REVOKED", "version": 2}}
    come = await changed(school, ACCEPT, token=made["token"], name="Ada")
    assert come["errors"] == [{"code": "CONFLICT", "field": "token"}]


async def test_what_cannot_be_is_told_by_field(school: School) -> None:
    absent, person = school.id(NodeKind.GROUP, new_id()), school.id(NodeKind.USER, school.learner)
    role = school.id(NodeKind.CUSTOM_ROLE, school.role)
    wrong: list[tuple[str, dict[str, Any], str, str]] = [
        (INVITE, {"email": "p1@example.com"}, "VALIDATION_FAILED", "email"),
        (INVITE, {"email": "x@y.example", "groupIds": [absent]}, "NOT_FOUND", "groupIds"),
        (INVITE, {"email": "x@y.example", "groupIds": [person]}, "INVALID_ID", "groupIds"),
        (INVITE, {"email": "x@y.example", "groupIds": ["x"] * 21}, "VALIDATION_FAILED", "groupIds"),
        (INVITE, {"email": "x@y.example", "managedGroupIds": [absent]}, "NOT_FOUND", "managedGroupIds"),
        (INVITE, {"email": "x@y.example", "managedGroupIds": [person]}, "INVALID_ID", "managedGroupIds"),
        (INVITE, {"email": "x@y.example", "role": "ADMIN", "roleId": role}, "VALIDATION_FAILED", "role"),
        (REVOKE, {"id": person}, "INVALID_ID", "id"),
        (ACCEPT, {"token": "garbage", "name": "Ada"}, "NOT_FOUND", "token"),
    ]
    for document, given, code, field in wrong:
        answer = await changed(school, document, school.owner, **given)
        assert answer["errors"] == [{"code": code, "field": field}]


async def test_it_is_sent_where_that_is_asked_for(school: School) -> None:
    text = "{ jobs(first: 50) { nodes { type payload { courseId } } } }"
    for sends in (False, True):
        await changed(school, INVITE, school.owner, email="new@example.com", sendEmail=sends)
        jobs = (await school.ask(text, caller=school.owner)).data["jobs"]["nodes"]
        assert [job["type"] for job in jobs].count("mail.send") == sends
