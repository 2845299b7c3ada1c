"""An app signs somebody in by the browser, whatever way in there is."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from entering import PASSWORD, Visitor, give_password, visiting
from harka.repositories import sso_session
from harka.repositories.sso import SsoConnection
from provider import Provider
from school import Reply, School, school
from sso_school import begin, come_back, connection, issuer, provider, working

__all__ = ["connection", "issuer", "provider", "school"]

APP = "com.example.learning:/signed-in"
LOOPBACK = "http://127.0.0.1/signed-in"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
UPDATE = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) {
  errors { code field message } } }"""


def address(**changed: str) -> str:
    asked = {
        "response_type": "code",
        "redirect_uri": APP,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "a b&c",
        **changed,
    }
    return f"/auth/app?{urlencode(asked)}"


@pytest.fixture(autouse=True)
async def known_apps(school: School) -> None:
    reply = await told(school, APP, LOOPBACK, "https://app.example.com/in?x=1")
    assert reply.codes == []
    await school.runtime.directory.reread(school.organization.id)


async def told(school: School, *uris: str) -> Reply:
    """What comes of telling the addresses of apps."""
    read = await school.ask("{ organization { version } }", caller=school.owner)
    settings = {"apps": {"redirectUris": list(uris)}}
    given = {"settings": settings, "version": read.data["organization"]["version"]}
    return await school.ask(UPDATE, {"input": given}, caller=school.owner)


async def granted(browser: Visitor, **changed: str) -> dict[str, str]:
    """What the app is sent back with."""
    fields = await browser.form(address(**changed))
    sent = await browser.post("/auth/app", fields)
    assert sent.status_code == 303, sent.text
    back = sent.headers["location"]
    assert back.startswith(changed.get("redirect_uri", APP))
    return {name: value[0] for name, value in parse_qs(urlsplit(back).query).items()}


async def redeemed(browser: Visitor, code: str, **changed: str) -> Any:
    body = {"code": code, "code_verifier": VERIFIER, "redirect_uri": APP, **changed}
    return await browser.http.post("/auth/token", json=body)


async def who(browser: Visitor, tokens: Any) -> str:
    query = {"query": "{ viewer { user { email } } }"}
    headers = {"authorization": f"Bearer {tokens.json()['access_token']}"}
    answer = await browser.http.post("/graphql", json=query, headers=headers)
    return str(answer.json()["data"]["viewer"]["user"]["email"])


async def test_who_is_not_signed_in_is_asked_and_goes_on(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        sent = await browser.get(address())
        assert sent.status_code == 303
        fields = await browser.form(sent.headers["location"])
        fields |= {"email": school.learner.email, "password": PASSWORD}
        on = (await browser.post("/auth/sign-in", fields)).headers["location"]
        assert parse_qs(urlsplit(on).query) == parse_qs(urlsplit(address()).query)
        page = await browser.get(on)
        assert "form-action 'self' com.example.learning:;" in page.headers["content-security-policy"]
        said = await granted(browser)
        assert said["state"] == "a b&c"
        tokens = await redeemed(browser, said["code"])
        assert tokens.status_code == 200
        assert await who(browser, tokens) == school.learner.email
        assert (await redeemed(browser, said["code"])).status_code == 401, "a code is good once"


async def test_whatever_is_wrong_with_a_code_is_refused(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        for wrong in (
            {"code_verifier": "w" * 43},
            {"code_verifier": "short"},
            {"redirect_uri": LOOPBACK},
            {"code": "garbage"},
            {"code": ""},
        ):
            said = await granted(browser)
            assert (await redeemed(browser, **{"code": said["code"], **wrong})).status_code == 401, wrong
        said = await granted(browser)
        await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
        assert (await redeemed(browser, said["code"])).status_code == 401, "whose session is over"
        half = await browser.http.post("/auth/token", json={"email": school.learner.email})
        assert half.status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uri": "com.example.other:/signed-in"},
        {"redirect_uri": f"{APP}/more"},
        {"redirect_uri": "https://127.0.0.1/signed-in"},
        {"redirect_uri": ""},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"state": "x" * 501},
    ],
)
async def test_to_an_address_that_nobody_knows_nobody_is_sent(school: School, wrong: dict[str, str]) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        refused = await browser.get(address(**wrong))
        assert refused.status_code == 400
        assert "location" not in refused.headers
        fields = {**await browser.form(address()), **wrong}
        if "redirect_uri" in wrong or "code_challenge" in wrong:
            assert (await browser.post("/auth/app", fields)).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/in",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/in",
        "https://",
        "https://me:secret@app.example.com/",
        "https://app.example.com/#x",
        "https://app.example.com/ in",
        "https://app.example.com/;x",
        "//app.example.com/in",
        "com.example.app:/" + "x" * 500,
        "",
    ],
)
async def test_what_is_no_address_of_an_app_is_not_taken(school: School, uri: str) -> None:
    reply = await told(school, uri)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "settings")


async def test_of_a_loopback_address_any_port_will_do(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        there = "http://127.0.0.1:49152/signed-in"
        said = await granted(browser, redirect_uri=there)
        tokens = await redeemed(browser, said["code"], redirect_uri=there)
        assert tokens.status_code == 200


async def test_a_form_of_another_page_grants_nothing(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        fields = await browser.form(address())
        sent = await browser.post("/auth/app", {**fields, "form_token": "x"})
        assert sent.status_code == 403
        sent = await browser.post("/auth/app", fields, origin="https://elsewhere.example")
        assert sent.status_code == 403


async def test_by_a_provider_and_out_when_it_says_so(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    """Where passwords are forbidden, this is how apps come in; what ends there ends in the app, too."""
    subject = connection.id.hex
    async with visiting(school) as browser:
        on = await begin(browser, school, connection, quote(address(), safe=""))
        said = provider.authorize(on, subject, email=f"{subject}@example.com", email_verified=True)
        back = await come_back(browser, school, connection, said)
        assert back.headers["location"].startswith("/auth/app?")
        tokens = await redeemed(browser, (await granted(browser))["code"])
        assert await who(browser, tokens) == f"{subject}@example.com"
        async with working(school) as work:
            await sso_session.revoke(work.session, connection.id, connection.issuer, subject, None)
        spent = {"refresh_token": tokens.json()["refresh_token"]}
        assert (await browser.http.post("/auth/refresh", json=spent)).status_code == 401
