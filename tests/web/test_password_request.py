"""The page and the address of apps by which a person asks for a link to set a password."""

import re

import msgspec
import pytest

from entering import PASSWORD, give_password, visiting
from harka import clock
from harka.auth import totp
from harka.config import Settings
from harka.learning import user
from harka.mail.mailer import Mailer
from mailing import links, mailing, work_off
from school import School, school
from sso_school import give_second_factor

__all__ = ["school"]

PATH = "/auth/password/reset"
FRESH = "brass otter quilting 9"


async def test_a_person_who_forgot_comes_in_again(school: School) -> None:
    await give_password(school, school.learner)
    secret = await give_second_factor(school, school.learner)
    async with mailing(school) as (posting, server), visiting(posting) as browser:
        async with visiting(posting) as elsewhere:
            code = totp.code_at(secret, int(clock.now().timestamp()) // totp.STEP_SECONDS)
            assert (await elsewhere.sign_in(school.learner.email, code=code)).status_code == 303
            assert f'href="{PATH}"' in (await browser.get("/auth/sign-in")).text
            fields = {**await browser.form(PATH), "email": school.learner.email}
            asked = await browser.post(PATH, fields)
            assert (asked.status_code, "a link is on its way" in asked.text) == (200, True)
            await work_off(posting)
            (token,) = links(server, school.learner.email)
            fields = {**await browser.form(f"/auth/reset?token={token}"), "password": FRESH}
            assert (await browser.post("/auth/reset", fields)).headers["location"] == "/auth/sign-in"
            assert (await browser.post("/auth/reset", fields)).status_code == 404
            assert (await elsewhere.ask()).status_code == 401
        assert (await browser.sign_in(school.learner.email, PASSWORD)).status_code == 401
        # whoever reads their e-mails has not their second factor
        refused = await browser.sign_in(school.learner.email, FRESH)
        assert (refused.status_code, "harka" in browser.cookies) == (401, False)


async def test_everybody_is_told_the_same(school: School) -> None:
    for person in (school.learner, school.other):
        await give_password(school, person)
    async with school.work() as work:
        await user.deactivate(work, school.other.id)
    seen, told = set(), set()
    async with mailing(school) as (posting, _):
        for email in (school.learner.email, school.other.email, "nobody@example.com"):
            async with visiting(posting) as browser:
                fields = {**await browser.form(PATH), "email": email}
                answer = await browser.post(PATH, fields)
                seen.add((answer.status_code, answer.text.replace(email, ""), posting.app.record.statements))
                answer = await browser.http.post(PATH, json={"email": email})
                told.add((answer.status_code, answer.content, posting.app.record.statements))
    assert len(seen) == len(told) == 1
    assert next(iter(told))[:2] == (202, b"{}")


async def test_what_is_wrong_is_told_on_the_page(school: School) -> None:
    async with mailing(school) as (posting, _), visiting(posting) as browser:
        fields = {**await browser.form(PATH), "email": '"><script>x'}
        answer = await browser.post(PATH, fields)
        assert answer.status_code == 400
        assert re.findall(r'role="alert">([^<]+)<', answer.text) == ["This is not an email address."]
        assert "<script" not in answer.text
        fields["email"] = "somebody@example.com"
        assert [(await browser.post(PATH, fields)).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert (await browser.http.post(PATH, json={"mail": "x"})).status_code == 400
        assert (await browser.http.post(PATH, json={"email": fields["email"]})).status_code == 429
        assert (await browser.http.post(PATH, content=b"x")).status_code in {403, 415}


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_page_asks_for_nobody(school: School, origin: str) -> None:
    async with mailing(school) as (posting, _), visiting(posting) as browser:
        fields = {**await browser.form(PATH), "email": school.learner.email}
        assert (await browser.post(PATH, fields, origin=origin)).status_code == 403
        assert (await browser.post(PATH, {**fields, "form_token": "x"})).status_code == 403
        assert await work_off(posting) == []


async def test_where_no_email_is_sent_there_is_no_such_way(school: School) -> None:
    runtime = msgspec.structs.replace(school.runtime, mailer=Mailer(Settings()))
    async with visiting(School(runtime, school.organization)) as browser:
        assert PATH not in (await browser.get("/auth/sign-in")).text
        assert (await browser.get(PATH)).status_code == 404
        assert (await browser.http.post(PATH, json={"email": "a@b.example"})).status_code == 404
