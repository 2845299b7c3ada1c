import re

import pytest

from entering import PASSWORD, give_password, visiting
from harka.learning import password, user
from school import School, school

__all__ = ["school"]


async def test_a_person_signs_in_asks_and_signs_out(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        entered = await browser.sign_in(school.learner.email.upper(), next="/graphql")
        assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
        (cookie,) = [each for each in entered.headers.get_list("set-cookie") if each.startswith("harka=hs_")]
        assert re.fullmatch(r"harka=hs_[\w-]+; Path=/; HttpOnly; SameSite=Lax; Max-Age=\d+", cookie)
        answer = await browser.ask()
        assert answer.status_code == 200
        assert answer.json()["data"]["viewer"]["user"] is not None
        assert school.learner.email in (await browser.get("/auth/sign-out")).text
        stolen = dict(browser.cookies)
        gone = await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
        assert (gone.status_code, gone.headers["location"]) == (303, "/auth/sign-in")
        assert "harka" not in browser.cookies
        assert (await browser.ask()).json()["data"]["viewer"] is None
        browser.cookies = stolen
        assert (await browser.ask()).status_code == 401
        # the page takes a dead cookie away, which its pictures would be refused for
        await browser.get("/auth/sign-in")
        assert "harka" not in browser.cookies


async def test_over_tls_the_cookie_is_of_the_host_alone(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school, scheme="https") as browser:
        entered = await browser.sign_in(school.learner.email)
        (cookie,) = [each for each in entered.headers.get_list("set-cookie") if "hs_" in each]
        assert cookie.startswith("__Host-harka=hs_")
        assert cookie.endswith("; Secure")
        assert "Domain" not in cookie
        assert (await browser.ask()).json()["data"]["viewer"] is not None


async def test_wrong_unknown_and_inactive_say_the_same(school: School) -> None:
    for person in (school.learner, school.instructor):
        await give_password(school, person)
    async with school.work() as work:
        await user.deactivate(work, school.instructor.id)
    asked = [
        (school.learner.email, "wrong password of theirs"),
        ("nobody@example.com", PASSWORD),
        (school.instructor.email, PASSWORD),
        (school.other.email, PASSWORD),
        ("", ""),
        ("\0", "a\0b"),
        ("x" * 5000, "x" * 2000),
        ("אדם@example.com", "😀" * 200),
    ]
    seen = set()
    for number, (email, secret) in enumerate(asked):
        async with visiting(school, address=f"203.0.113.{number}") as browser:
            answer = await browser.sign_in(email, secret)
            assert "harka" not in browser.cookies
            (said,) = re.findall(r'role="alert">([^<]+)<', answer.text)
            seen.add((answer.status_code, said, school.app.record.statements))
    assert len(seen) == 1
    assert seen.pop()[0] == 401


async def test_after_too_many_tries_even_the_right_password_waits(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        answers = [(await browser.sign_in(school.learner.email, "wrong")).status_code for _ in range(11)]
        assert answers == [*[401] * 10, 429]
        locked = await browser.sign_in(school.learner.email)
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) >= 1
    await give_password(school, school.other)
    async with visiting(school) as browser:
        assert (await browser.sign_in(school.other.email)).status_code == 303


async def test_a_browser_that_somebody_came_in_on_is_theirs(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        entered = await browser.sign_in(school.learner.email)
        (cookie,) = [each for each in entered.headers.get_list("set-cookie") if "-device=" in each]
        assert re.fullmatch(
            r"harka-device=hd_[\w-]{75}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000", cookie
        )
        for _ in range(11):
            async with visiting(school) as stranger:
                refused = await stranger.sign_in(school.learner.email, "wrong")
        assert refused.status_code == 429
        await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
        assert (await browser.sign_in(school.learner.email)).status_code == 303


async def test_a_form_that_is_not_ours_changes_nothing(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        hidden = await browser.form("/auth/sign-in")
        fields = {**hidden, "email": school.learner.email, "password": PASSWORD}
        for wrong in ({"form_token": ""}, {"form_token": "A" * 22}):
            assert (await browser.post("/auth/sign-in", {**fields, **wrong})).status_code == 403
        for origin in ("https://evil.example", "null", f"http://other.{school.host}"):
            assert (await browser.post("/auth/sign-in", fields, origin=origin)).status_code == 403
        kept, browser.cookies = browser.cookies, {}
        assert (await browser.post("/auth/sign-in", fields)).status_code == 403
        browser.cookies = kept
        assert (await browser.post("/auth/sign-in", fields)).status_code == 303


async def test_another_page_asks_nothing_with_our_cookie(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        for origin in ("https://evil.example", "null", "http://sibling.harka.localhost"):
            assert (await browser.ask(origin=origin)).status_code == 403
        path = "/graphql?query={viewer{kind}}"
        for site in ("cross-site", "same-site"):
            no_cors = {"sec_fetch_site": site, "sec_fetch_mode": "no-cors", "accept": "application/json"}
            assert (await browser.get(path, **no_cors)).status_code == 403
        link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "accept": "application/json"}
        assert (await browser.get(path, **link)).status_code == 200


async def test_nobody_is_led_elsewhere(school: School) -> None:
    await give_password(school, school.learner)
    for asked in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""):
        async with visiting(school) as browser:
            entered = await browser.sign_in(school.learner.email, next=asked)
            assert entered.headers["location"] == "/dashboard"


async def test_what_is_typed_in_is_shown_as_text(school: School) -> None:
    async with visiting(school) as browser:
        answer = await browser.sign_in('"><script>alert(1)</script>', "x")
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["referrer-policy"] == "same-origin"


async def test_at_no_organizations_address_there_is_no_page(school: School) -> None:
    for host in ("harka.localhost", "nobody-here.harka.localhost"):
        async with visiting(school, host=host) as browser:
            assert (await browser.get("/auth/sign-in")).status_code == 404


async def test_a_password_is_set_by_a_token_once(school: School) -> None:
    await give_password(school, school.learner)
    async with school.work() as work:
        made = await password.allow_reset(work, school.learner.id)
    assert made.token not in repr(made)
    async with visiting(school) as signed_in, visiting(school) as browser:
        await signed_in.sign_in(school.learner.email)
        fields = {**await browser.form(f"/auth/reset?token={made.token}"), "password": "too short"}
        assert fields["token"] == made.token
        assert (await browser.post("/auth/reset", fields)).status_code == 400
        # their own address with a number behind it; the link is good still
        fields["password"] = f"{school.learner.email}2026"
        named = await browser.post("/auth/reset", fields)
        assert (named.status_code, "among the first" in named.text) == (400, True)
        fields["password"] = "brass otter quilting 9"
        assert (await browser.post("/auth/reset", fields)).status_code == 303
        assert (await browser.post("/auth/reset", fields)).status_code == 404
        assert (await signed_in.ask()).status_code == 401
        assert (await browser.sign_in(school.learner.email)).status_code == 401
        entered = await browser.sign_in(school.learner.email, fields["password"])
        assert entered.status_code == 303


@pytest.mark.parametrize("token", ["", "hp_", "x" * 5000, "hp_" + "\0" * 43, "hp_" + "A" * 43])
async def test_a_token_of_nobodys_sets_nothing(school: School, token: str) -> None:
    async with visiting(school) as browser:
        fields = {**await browser.form("/auth/reset"), "token": token, "password": "brass otter quilting 9"}
        assert (await browser.post("/auth/reset", fields)).status_code == 404
