from typing import Any

import pytest

from branches import branch_of
from entering import give_password, visiting
from harka.ids import NodeKind, new_id
from harka.learning import user
from harka.learning.user import UserDraft
from school import School

LISTED = """query ($of: ID) { sessions(first: 10, userId: $of) { totalCount nodes {
  id kind isCurrent userAgent address user { id } expiresAt endsAt version } } }"""
REVOKE = """mutation ($input: RevokeSessionInput!) { revokeSession(input: $input) {
  errors { code field } session { id revokedAt version } } }"""


async def test_people_see_where_they_are_signed_in_and_sign_out_there(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as here, visiting(school, address="2001:db8::7") as there:
        assert (await here.sign_in(school.learner.email)).status_code == 303
        fields = {
            **await there.form("/auth/sign-in"),
            "email": school.learner.email,
            "password": "vexed kiln plumage 4",
        }
        await there.post("/auth/sign-in", fields, user_agent="Firefox \x7f 1")
        listed = (await here.ask({"query": LISTED})).json()["data"]["sessions"]
        assert listed["totalCount"] == 2
        own, other = listed["nodes"]
        assert (own["isCurrent"], own["kind"], own["address"]) == (True, "BROWSER", "203.0.113.7")
        assert (other["isCurrent"], other["address"], other["userAgent"]) == (
            False,
            "2001:db8::7",
            "Firefox  1",
        )
        assert own["user"] == {"id": school.id(NodeKind.USER, school.learner)}
        given = {"input": {"id": other["id"], "version": other["version"]}}
        done = (await here.ask({"query": REVOKE, "variables": given})).json()["data"]["revokeSession"]
        assert (done["errors"], done["session"]["revokedAt"] is None) == ([], False)
        stale = (await here.ask({"query": REVOKE, "variables": given})).json()["data"]["revokeSession"]
        assert stale["errors"] == [{"code": "CONFLICT", "field": None}]
        again = {"input": {"id": other["id"]}}
        assert (await here.ask({"query": REVOKE, "variables": again})).json()["data"]["revokeSession"] == {
            **done,
            "session": done["session"],
        }
        assert (await there.ask()).status_code == 401
        assert (await here.ask()).status_code == 200


async def session_of(school: School, person: Any) -> str:
    reply = await school.ask(LISTED, {"of": school.id(NodeKind.USER, person)})
    (found,) = reply.data["sessions"]["nodes"]
    return str(found["id"])


async def test_others_sessions_are_for_who_may_change_them(school: School) -> None:
    async with school.work() as work:
        admin = await user.create(work, UserDraft(email="sessions@admin.example", name="X", role="admin"))
    for person in (school.learner, school.owner):
        await give_password(school, person)
    async with visiting(school) as browser, visiting(school) as owners:
        await browser.sign_in(school.learner.email)
        await owners.sign_in(school.owner.email)
        theirs, owned = [await session_of(school, person) for person in (school.learner, school.owner)]
        of = {"of": school.id(NodeKind.USER, school.learner)}
        assert (await school.ask(LISTED, of, caller=school.other)).code == "FORBIDDEN"
        assert (await school.ask(LISTED, of, caller=school.learner)).data["sessions"]["totalCount"] == 1
        node = "query ($id: ID!) { node(id: $id) { id } }"
        for caller, found in (
            (school.other, None),
            (school.learner, {"id": theirs}),
            (admin, {"id": theirs}),
        ):
            assert (await school.ask(node, {"id": theirs}, caller=caller)).data["node"] == found
        for caller, id_, code in (
            (school.other, theirs, "NOT_FOUND"),
            (admin, owned, "FORBIDDEN"),
            (school.learner, school.id(NodeKind.SESSION, new_id()), "NOT_FOUND"),
            (school.learner, "x", "INVALID_ID"),
        ):
            assert (await school.ask(REVOKE, {"input": {"id": id_}}, caller=caller)).code == code
        assert (await browser.ask()).status_code == 200
        reply = await school.ask(REVOKE, {"input": {"id": theirs}}, caller=admin)
        assert reply.data["revokeSession"]["errors"] == []
        assert (await browser.ask()).status_code == 401
        assert (await owners.ask()).status_code == 200


async def test_a_manager_of_groups_ends_those_of_their_people_alone(school: School) -> None:
    branch = await branch_of(school, role="admin")
    for person in (branch.ours, branch.stranger):
        await give_password(school, person)
    async with visiting(school) as ours, visiting(school) as strange:
        await ours.sign_in(branch.ours.email)
        await strange.sign_in(branch.stranger.email)
        own, beyond = [await session_of(school, person) for person in (branch.ours, branch.stranger)]
        listed = await school.ask(
            LISTED, {"of": school.id(NodeKind.USER, branch.stranger)}, caller=branch.manager
        )
        assert listed.data["sessions"]["nodes"] == []
        asked = {id_: {"input": {"id": id_}} for id_ in (own, beyond)}
        assert (await school.ask(REVOKE, asked[beyond], caller=branch.manager)).code == "NOT_FOUND"
        done = await school.ask(REVOKE, asked[own], caller=branch.manager)
        assert done.data["revokeSession"]["errors"] == []
        assert [(await each.ask()).status_code for each in (ours, strange)] == [401, 200]


@pytest.mark.parametrize("first", [-1, 101])
async def test_a_page_has_bounds(school: School, first: int) -> None:
    reply = await school.ask(f"{{ sessions(first: {first}) {{ totalCount }} }}", caller=school.learner)
    assert reply.code == "VALIDATION_FAILED"
