import asyncio
from typing import Any

import pytest

import breaches
from branches import branch_of
from entering import PASSWORD, give_password, visiting
from harka.auth.hashing import Hasher
from harka.cache.throttle import Rate
from harka.ids import NodeKind, new_id
from harka.learning import entrance, user
from harka.learning.user import UserDraft
from harka.repositories.user import User
from school import School
from waiting import PATIENCE

NEW = "brass otter quilting 9"
CHANGE = """mutation ($input: ChangePasswordInput!) { changePassword(input: $input) {
  errors { code field } user { id } } }"""
ALLOW = """mutation ($input: CreatePasswordResetInput!) { createPasswordReset(input: $input) {
  errors { code field } token expiresAt user { id } } }"""
RESET = (
    """mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) { errors { code field } } }"""
)
INVITE = 'mutation { inviteUser(input: {email: "%s"}) { token } }'
ACCEPT = """mutation ($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
  errors { code field } user { id } } }"""


async def test_a_changed_password_signs_out_everywhere_else(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as here, visiting(school) as there:
        for browser in (here, there):
            await browser.sign_in(school.learner.email)
        body = {
            "query": CHANGE,
            "variables": {"input": {"currentPassword": PASSWORD, "newPassword": NEW}},
        }
        assert (await here.ask(body)).json()["data"]["changePassword"]["errors"] == []
        assert [(await each.ask()).status_code for each in (here, there)] == [200, 401]
        assert (await there.sign_in(school.learner.email)).status_code == 401
        assert (await there.sign_in(school.learner.email, NEW)).status_code == 303


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"currentPassword": "wrong", "newPassword": NEW}, "currentPassword"),
        ({"currentPassword": "\0", "newPassword": NEW}, "currentPassword"),
        ({"currentPassword": PASSWORD, "newPassword": "short"}, "newPassword"),
        ({"currentPassword": PASSWORD, "newPassword": "Password-2026"}, "newPassword"),
        ({"currentPassword": PASSWORD, "newPassword": "x\0" * 10}, "newPassword"),
    ],
)
async def test_what_is_wrong_changes_nothing(school: School, given: dict[str, Any], field: str) -> None:
    await give_password(school, school.learner)
    reply = await school.ask(CHANGE, {"input": given}, caller=school.learner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
    async with visiting(school) as browser:
        assert (await browser.sign_in(school.learner.email)).status_code == 303


async def test_a_program_has_no_password_and_who_has_none_does_not_change_it(school: School) -> None:
    given = {"input": {"currentPassword": "", "newPassword": NEW}}
    assert (await school.ask(CHANGE, given)).code == "VALIDATION_FAILED"
    reply = await school.ask(CHANGE, given, caller=school.other)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "currentPassword")


async def test_an_admin_hands_a_token_on(school: School) -> None:
    async with school.work() as work:
        admin = await user.create(work, UserDraft(email="reset@admin.example", name="X", role="admin"))
    asked = {"input": {"userId": school.id(NodeKind.USER, school.learner)}}
    old = (await school.ask(ALLOW, asked, caller=admin)).data["createPasswordReset"]["token"]
    made = (await school.ask(ALLOW, asked, caller=admin)).data["createPasswordReset"]
    assert made["user"] == {"id": asked["input"]["userId"]}
    # the earlier one is good for nothing any more
    assert (
        await school.ask(RESET, {"input": {"token": old, "password": NEW}}, caller=None)
    ).code == "NOT_FOUND"
    weak = {"input": {"token": made["token"], "password": "short"}}
    assert (await school.ask(RESET, weak, caller=None)).code == "VALIDATION_FAILED"
    good = {"input": {"token": made["token"], "password": NEW}}
    assert (await school.ask(RESET, good, caller=None)).data["resetPassword"]["errors"] == []
    assert (await school.ask(RESET, good, caller=None)).code == "NOT_FOUND"
    async with visiting(school) as browser:
        assert (await browser.sign_in(school.learner.email, NEW)).status_code == 303


@pytest.mark.parametrize(
    "way",
    [
        (RESET, {"token": "hp_" + "A" * 43, "password": NEW}),
        (ACCEPT, {"token": "hi_" + "A" * 43, "name": "Ada", "password": NEW}),
        ("/auth/reset", {"token": "hp_" + "A" * 43, "password": NEW}),
        ("/auth/invitation", {"token": "hi_" + "A" * 43, "name": "Ada", "password": NEW}),
    ],
    ids=["reset", "accept", "page of a reset", "page of an invitation"],
)
async def test_for_a_token_that_was_made_up_nothing_is_hashed(
    school: School, monkeypatch: pytest.MonkeyPatch, way: tuple[str, dict[str, str]]
) -> None:
    """It takes a thread for tens of milliseconds, and anybody can make one up."""
    asked, given = way

    async def hashed(*_: object) -> str:
        raise AssertionError("hashed")

    monkeypatch.setattr(Hasher, "hash", hashed)
    if asked.startswith("/"):
        async with visiting(school) as browser:
            hidden = await browser.form(f"{asked}?token={given['token']}")
            assert (await browser.post(asked, {**hidden, **given})).status_code == 404
    else:
        assert (await school.ask(asked, {"input": given}, caller=None)).code == "NOT_FOUND"


@pytest.mark.parametrize(
    "asked",
    [
        (RESET, {"token": "hp_" + "A" * 43, "password": NEW}),
        (ACCEPT, {"token": "hi_" + "A" * 43, "name": "Ada", "password": NEW}),
    ],
    ids=["reset", "accept"],
)
async def test_who_makes_up_tokens_takes_one_connection_each(
    school: School, asked: tuple[str, dict[str, str]]
) -> None:
    """Under a key one is held already: were another asked for, these would wait for each other."""
    document, given = asked
    body = {"query": document, "variables": {"input": given}}
    many = 2 * school.runtime.settings.pool_size
    async with asyncio.timeout(PATIENCE / 2):
        answers = await asyncio.gather(
            *(school.send(json=body, headers={"idempotency-key": f"key-{n}"}) for n in range(many))
        )
    payloads = [payload for each in answers for payload in each.json()["data"].values()]
    assert [error["code"] for each in payloads for error in each["errors"]] == ["NOT_FOUND"] * many


async def test_who_changes_a_password_under_keys_takes_one_connection_each(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_password(school, school.learner)
    many = 2 * school.runtime.settings.pool_size
    monkeypatch.setattr(entrance, "OF_ACCOUNT", Rate("account", most=many, seconds=60.0))
    body = {"query": CHANGE, "variables": {"input": {"currentPassword": "wrong", "newPassword": NEW}}}
    async with visiting(school) as browser, asyncio.timeout(PATIENCE):
        await browser.sign_in(school.learner.email)
        answers = await asyncio.gather(
            *(browser.ask(body, **{"idempotency-key": f"key-{n}"}) for n in range(many))
        )
    payloads = [each.json()["data"]["changePassword"] for each in answers]
    assert [error["code"] for each in payloads for error in each["errors"]] == ["VALIDATION_FAILED"] * many


async def test_what_was_made_public_elsewhere_is_refused(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed, set by a token, and as somebody comes in."""
    await give_password(school, school.learner)
    changed = {"input": {"currentPassword": PASSWORD, "newPassword": NEW}}
    reset = (await school.ask(ALLOW, {"input": {"userId": school.id(NodeKind.USER, school.learner)}})).data
    invited = (await school.ask(INVITE % "public@example.com")).data["inviteUser"]["token"]
    asked: tuple[tuple[str, dict[str, Any], User | None], ...] = (
        (RESET, {"input": {"token": reset["createPasswordReset"]["token"], "password": NEW}}, None),
        (ACCEPT, {"input": {"token": invited, "name": "Ada", "password": NEW}}, None),
        (CHANGE, changed, school.learner),
    )
    async with breaches.serving(NEW) as address:
        monkeypatch.setattr(school.runtime.breaches, "_url", address)
        for document, given, caller in asked:
            reply = await school.ask(document, given, caller=caller)
            assert reply.code == "VALIDATION_FAILED", document
            assert reply.field in {"password", "newPassword"}
        changed["input"]["newPassword"] = "a knotted lilac 7"
        assert (await school.ask(CHANGE, changed, caller=school.learner)).codes == []


async def test_nobody_resets_who_may_do_more_or_is_beyond_or_absent(school: School) -> None:
    branch = await branch_of(school, role="admin")
    for person, code in (
        (school.owner, "NOT_FOUND"),
        (branch.stranger, "NOT_FOUND"),
        (new_id(), "NOT_FOUND"),
    ):
        asked = {"input": {"userId": school.id(NodeKind.USER, person)}}
        assert (await school.ask(ALLOW, asked, caller=branch.manager)).code == code
    async with school.work() as work:
        admin = await user.create(work, UserDraft(email="more@admin.example", name="X", role="admin"))
    owned = {"input": {"userId": school.id(NodeKind.USER, school.owner)}}
    assert (await school.ask(ALLOW, owned, caller=admin)).code == "FORBIDDEN"


async def test_whoever_is_invited_brings_a_password(school: School) -> None:
    token = (await school.ask(INVITE % "comes@example.com")).data["inviteUser"]["token"]
    weak = {"input": {"token": token, "name": "Grace", "password": "password1234"}}
    reply = await school.ask(ACCEPT, weak, caller=None)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "password")
    good = {"input": {"token": token, "name": "Grace", "password": NEW}}
    assert (await school.ask(ACCEPT, good, caller=None)).data["acceptInvitation"]["errors"] == []
    async with visiting(school) as browser:
        assert (await browser.sign_in("comes@example.com", NEW)).status_code == 303


async def test_a_reset_is_sent_where_that_is_asked_for(school: School) -> None:
    given = {"userId": school.id(NodeKind.USER, school.learner), "sendEmail": True}
    made = await school.ask(ALLOW, {"input": given}, caller=school.owner)
    assert made.data["createPasswordReset"]["token"] is not None
    jobs = await school.ask("{ jobs(first: 50) { nodes { type } } }", caller=school.owner)
    assert {"type": "mail.send"} in jobs.data["jobs"]["nodes"]
