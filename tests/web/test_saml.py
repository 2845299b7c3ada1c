"""People come in by a SAML provider of the test's own: through GraphQL, and as a browser is led about."""

import re
from typing import Any

import httpx2
import pytest

from entering import PASSWORD, give_password, visiting
from harka.auth.saml_xml import read
from saml_idp import (
    ISSUER,
    KEY,
    Key,
    Said,
    changed,
    encrypted,
    metadata,
    needs_xmlsec1,
    new_key,
    posted,
    response,
    signed,
)
from saml_school import CREATE, UPDATE, WHO, answer, asked, come, is_out, made, post
from school import School, school
from sso_school import TEST, attempt, without_sso

__all__ = ["school"]
pytestmark = needs_xmlsec1


async def test_somebody_comes_in_and_again_by_their_name_id(school: School) -> None:
    connection = await made(school)
    assert (connection["kind"], connection["issuer"]) == ("SAML", ISSUER)
    assert connection["saml"]["entityId"] == connection["clientId"]
    subject = f"s-{connection['id']}"[:40]
    email = f"{subject[-12:].lower().strip('-_')}@saml.example"
    told = {
        "urn:oid:0.9.2342.19200300.100.1.3": [email],
        "displayName": ["New One"],
        "Groups": ["x", "teachers"],
    }
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        said = answer(browser, connection, request, name_id=subject, attributes=told)
        entered = await come(browser, connection, said)
        assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
        who = (await browser.ask(WHO)).json()["data"]["viewer"]["user"]
        assert who == {"email": email, "name": "New One", "role": "INSTRUCTOR"}
        out = await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
        assert "You are signed out here" in (await browser.get(out.headers["location"])).text
    seen = await attempt(school)
    assert (seen["outcome"], seen["user"]["email"]) == ("SIGNED_IN", email)
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        again = answer(
            browser, connection, request, name_id=subject, attributes={"mail": ["other@saml.example"]}
        )
        assert (await come(browser, connection, again)).status_code == 303
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"]["email"] == email


async def test_under_a_plan_without_it_metadata_and_answers_are_refused_naming_one_that_has_it(
    school: School,
) -> None:
    connection = await made(school)
    saml = connection["saml"]
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        said = answer(browser, connection, request, name_id="x", attributes={"mail": ["x@saml.example"]})
        assert (await browser.get(saml["metadataPath"])).status_code == 200
        await without_sso(school)
        for told in (
            await browser.get(saml["metadataPath"]),
            await browser.get(connection["startPath"]),
            await post(browser, connection, said),
            await browser.get(f"/auth/saml/{connection['id']}/enter"),
        ):
            extensions = told.json()["errors"][0]["extensions"]
            assert (told.status_code, extensions["code"]) == (403, "FEATURE_NOT_IN_PLAN")
            assert (extensions["feature"], extensions["plan"]) == ("sso", "GROWTH")
        assert (await browser.get("/auth/saml/nothing/metadata")).status_code == 404


async def test_whose_address_is_here_shows_their_password_once(school: School) -> None:
    connection = await made(school)
    await give_password(school, school.learner)
    told = {"name_id": "known there", "attributes": {"mail": [school.learner.email]}}
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        page = await come(browser, connection, answer(browser, connection, request, **told))
        assert (page.status_code, "harka" in browser.cookies) == (200, False)
        assert (await attempt(school))["outcome"] == "ADDRESS_TAKEN"
        fields = {**await browser.form("/auth/sign-in"), "email": school.learner.email, "password": PASSWORD}
        assert (await browser.post("/auth/sso/link", fields)).status_code == 303
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        entered = await come(browser, connection, answer(browser, connection, request, **told))
        assert (entered.status_code, "harka" in browser.cookies) == (303, True)


async def test_an_answer_is_used_once(school: School) -> None:
    connection = await made(school)
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        kept = dict(browser.cookies)
        said = answer(browser, connection, request, attributes={"mail": ["once@saml.example"]})
        first = await post(browser, connection, said)
        enter, passed = first.headers["location"], dict(browser.cookies)
        assert (await browser.get(enter)).status_code == 303
        # the same assertion, and another of the same request
        for again in (said, answer(browser, connection, request, attributes={"mail": ["once@saml.example"]})):
            browser.cookies = dict(kept)
            assert is_out(browser, await come(browser, connection, again))
            assert (await attempt(school))["outcome"] == "WRONG_STATE"
        # and what the browser was given for it
        browser.cookies = passed
        assert is_out(browser, await browser.get(enter))
    assert (await attempt(school))["detail"] == "It was used before."


async def test_what_another_browser_began_nobody_ends(school: School) -> None:
    connection = await made(school)
    told = {"mail": ["attacker@saml.example"]}
    async with visiting(school) as theirs, visiting(school) as mine:
        request = (await asked(theirs, connection)).get("ID")
        # the attacker's own answer, posted by a browser that began nothing, and by one that began another
        assert is_out(mine, await come(mine, connection, answer(mine, connection, request, attributes=told)))
        await asked(mine, connection)
        assert is_out(mine, await come(mine, connection, answer(mine, connection, request, attributes=told)))
        assert (await attempt(school))["outcome"] == "WRONG_STATE"
        # nor where there is nothing to come for
        assert is_out(mine, await mine.get(connection["saml"]["acsPath"].removesuffix("acs") + "enter"))


async def test_a_sign_in_begins_at_the_provider_where_it_may(school: School) -> None:
    connection = await made(school)
    told = {"mail": [f"begun-{connection['id'][-6:].lower().strip('-_')}@saml.example"]}
    async with visiting(school) as browser:
        said = answer(browser, connection, None, name_id="begun there", attributes=told)
        assert is_out(browser, await come(browser, connection, said))
        assert (await attempt(school))["outcome"] == "WRONG_STATE"
        given = {"id": connection["id"], "version": 2, "saml": {"allowIdpInitiated": True}}
        reply = await school.ask(UPDATE, {"input": given})
        # how it is asked is as it was tested
        assert reply.data["updateSsoConnection"]["ssoConnection"]["state"] == "TESTED"
        said = answer(browser, connection, None, name_id="begun there", attributes=told)
        entered = await come(browser, connection, said, RelayState="https://evil.example/")
        assert (entered.status_code, entered.headers["location"]) == (303, "/dashboard")
        assert is_out_again(await come(browser, connection, said))


def is_out_again(refused: httpx2.Response) -> bool:
    return refused.status_code == 401


async def test_another_connections_and_organizations_answer_is_nobody(school: School) -> None:
    first, second = await made(school), await made(school)
    async with visiting(school) as browser:
        request = (await asked(browser, second)).get("ID")
        said = answer(browser, first, request, attributes={"mail": ["x@saml.example"]})
        assert is_out(browser, await come(browser, second, said))
        assert (await attempt(school))["outcome"] == "TOKEN_REFUSED"
        # passed by one, shown to the other
        request = (await asked(browser, first)).get("ID")
        await post(browser, first, answer(browser, first, request, attributes={"mail": ["x@saml.example"]}))
        enter = second["saml"]["acsPath"].removesuffix("acs") + "enter"
        assert is_out(browser, await browser.get(enter))


async def test_what_is_encrypted_for_us_is_read(school: School) -> None:
    connection = await made(school)
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")
        acs = f"{browser.origin}{connection['saml']['acsPath']}"
        one = Said(ISSUER, connection["clientId"], acs, request, name_id="hidden")
        one = changed(one, attributes={"email": ["hidden@saml.example"]})
        box = encrypted(signed(one.xml(), KEY), connection["saml"]["ownCertificate"]["pem"])
        said = posted(response(box, issuer=ISSUER, destination=acs, in_response_to=request))
        assert (await come(browser, connection, said)).status_code == 303
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"]["email"] == "hidden@saml.example"


async def test_without_valkey_nobody_comes_in(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await made(school)
    async with visiting(school) as browser:
        request = (await asked(browser, connection)).get("ID")

        async def silent(*_: object) -> None:
            return None

        with monkeypatch.context() as patched:
            patched.setattr(type(school.runtime.cache), "run_script", silent)
            said = answer(browser, connection, request, attributes={"mail": ["v@saml.example"]})
            assert is_out(browser, await come(browser, connection, said))
        assert (await attempt(school))["detail"].startswith("Whether it was used before")
        assert (await come(browser, connection, said)).status_code == 303


async def test_our_metadata_say_what_a_provider_needs(school: School) -> None:
    draft = await made(school, tested=False)
    async with visiting(school) as browser:
        shown = await browser.get(draft["saml"]["metadataPath"])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "application/samlmetadata+xml")
        root = read(shown.content).root
        assert root.get("entityID") == draft["saml"]["entityId"]
        (acs,) = root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
        assert acs.get("Location") == f"{browser.origin}{draft['saml']['acsPath']}"
        pem = re.sub("-----.*?-----|\\s", "", draft["saml"]["ownCertificate"]["pem"])
        assert shown.text.count(f">{pem}<") == 2
        # nobody comes in by a draft
        assert (await browser.get(draft["startPath"])).status_code == 404
        assert (await post(browser, draft, "x")).status_code == 404
        assert (await browser.get("/auth/saml/x/metadata")).status_code == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"SAMLResponse=x", {"content-type": "text/plain"}, 415),
        (b"SAMLResponse=x&SAMLResponse=y", {}, 400),
        (b"\xff", {}, 400),
        (b"SAMLResponse=" + b"x" * 900_000, {}, 413),
        (b"", {}, 401),
        (b"SAMLResponse=%00", {}, 401),
    ],
    ids=["type", "twice", "bytes", "long", "nothing", "nul"],
)
async def test_what_is_no_answer_is_refused(
    school: School, body: bytes, headers: dict[str, str], status: int
) -> None:
    connection = await made(school)
    async with visiting(school) as browser:
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        refused = await browser.http.post(connection["saml"]["acsPath"], content=body, headers=sent)
    assert refused.status_code == status


async def test_one_certificate_follows_another(school: School) -> None:
    connection, following = await made(school), new_key(curve=True)

    async def enter(key: Key) -> int:
        async with visiting(school) as browser:
            request = (await asked(browser, connection)).get("ID")
            told = {"mail": [f"roll-{connection['id'][-6:].lower().strip('-_')}@saml.example"]}
            said = answer(browser, connection, request, key=key, attributes=told)
            return (await come(browser, connection, said)).status_code

    async def give(version: int, *keys: Key) -> dict[str, Any]:
        given = {"certificates": "".join(key.certificate for key in keys)}
        asking = {"id": connection["id"], "version": version, "saml": given}
        reply = await school.ask(UPDATE, {"input": asking})
        return dict(reply.data["updateSsoConnection"]["ssoConnection"])

    assert (await enter(KEY), await enter(following)) == (303, 401)
    both = await give(2, KEY, following)
    assert (both["state"], len(both["saml"]["certificates"])) == ("TESTED", 2)
    assert (await enter(KEY), await enter(following)) == (303, 303)
    assert (await give(3, following))["state"] == "TESTED"
    assert (await enter(KEY), await enter(following)) == (401, 303)
    # whom nobody knew is tested first
    assert (await give(4, KEY))["state"] == "DRAFT"


async def test_a_new_key_of_ours_makes_it_a_draft(school: School) -> None:
    connection = await made(school)
    given = {"id": connection["id"], "version": 2, "saml": {"newKey": True}}
    changed_ = (await school.ask(UPDATE, {"input": given})).data["updateSsoConnection"]["ssoConnection"]
    assert changed_["state"] == "DRAFT"
    assert changed_["saml"]["ownCertificate"] != connection["saml"]["ownCertificate"]


async def test_without_the_program_it_is_told_so(school: School) -> None:
    connection, without = await made(school), school.without_xmlsec1()
    async with visiting(without) as browser:
        request = (await asked(browser, connection)).get("ID")
        said = answer(browser, connection, request, attributes={"mail": ["p@saml.example"]})
        assert is_out(browser, await come(browser, connection, said))
    seen = await attempt(school)
    assert (seen["outcome"], "xmlsec1" in seen["detail"]) == ("PROVIDER_ERROR", True)
    reply = await without.ask(CREATE, {"input": {"name": "X", "saml": {"metadata": metadata()}}})
    assert (reply.code, "xmlsec1" in str(reply.body)) == ("UNAVAILABLE", True)
    tested = await without.ask(TEST, {"id": connection["id"]})
    assert (tested.code, "xmlsec1" in str(tested.body)) == ("VALIDATION_FAILED", True)
