import pytest

from entering import visiting
from harka.learning import invitation
from harka.learning.invitation import InvitationDraft
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from school import School, school

__all__ = ["school"]

PASSWORD = "brass otter quilting 9"


async def invited(school: School) -> str:
    async with school.work() as work:
        return (await invitation.invite(work, InvitationDraft(email="new@example.com"))).token


async def test_who_was_invited_comes_in_once(school: School) -> None:
    token = await invited(school)
    async with visiting(school) as browser:
        fields = {
            **await browser.form(f"/auth/invitation?token={token}"),
            "name": "Zoë <b>",
            "password": "short",
        }
        assert fields["token"] == token
        refused = await browser.post("/auth/invitation", fields)
        assert refused.status_code == 400
        assert 'value="Zoë &lt;b&gt;"' in refused.text
        assert (
            await browser.post("/auth/invitation", {**fields, "name": " ", "password": PASSWORD})
        ).status_code == 400
        # nothing but the address that was invited
        named = await browser.post("/auth/invitation", {**fields, "password": "new.Example.com2026"})
        assert (named.status_code, "among the first" in named.text) == (400, True)
        entered = await browser.post("/auth/invitation", {**fields, "password": PASSWORD})
        assert (entered.status_code, entered.headers["location"]) == (303, "/auth/sign-in")
        assert (await browser.sign_in("new@example.com", PASSWORD)).status_code == 303
        assert (await browser.post("/auth/invitation", {**fields, "password": PASSWORD})).status_code == 409


async def test_without_a_seat_nobody_comes_in_but_in_shadow_mode(school: School) -> None:
    school = school.with_admission(Admission())
    organization = school.organization
    token = await invited(school)
    async with visiting(school) as browser:
        for shadow in (False, True):
            wanted = Wanted(limits={"users": 4}, shadow=shadow)
            organization = await change(school.runtime.catalog, organization, wanted, actor="test")
            await school.runtime.directory.reread(school.organization.id)
            fields = await browser.form(f"/auth/invitation?token={token}")
            given = {**fields, "name": "Zoë", "password": PASSWORD}
            answer = await browser.post("/auth/invitation", given)
            assert answer.status_code == (303 if shadow else 403)
            assert school.runtime.admission.refused[Resource.USERS, shadow] == 1


@pytest.mark.parametrize("token", ["", "hi_", "x" * 5000, "hi_" + "\0" * 43, "hi_" + "A" * 43])
async def test_a_token_of_nobodys_lets_nobody_in(school: School, token: str) -> None:
    async with visiting(school) as browser:
        given = {"token": token, "name": "Eve", "password": PASSWORD}
        fields = {**await browser.form("/auth/invitation"), **given}
        assert (await browser.post("/auth/invitation", fields)).status_code == 404


async def test_another_page_lets_nobody_in(school: School) -> None:
    token = await invited(school)
    async with visiting(school) as browser:
        fields = {
            **await browser.form(f"/auth/invitation?token={token}"),
            "name": "Eve",
            "password": PASSWORD,
        }
        answer = await browser.post("/auth/invitation", fields, origin="https://evil.example")
        assert answer.status_code == 403
