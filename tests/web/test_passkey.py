"""People make passkeys and come in by them; what an attacker sends never lets anybody in."""

import re
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from authenticator import PRESENT, VERIFIED, Authenticator, encoded
from entering import PASSWORD, Visitor, give_password, visiting
from harka.learning import user
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection, SsoState
from harka.repositories.user import User
from provider import Provider
from school import School, school
from sso_school import attempt, connection, give_second_factor, issuer, provider, working

__all__ = ["connection", "issuer", "provider", "school"]


async def post(browser: Visitor, path: str, body: Any, **headers: str) -> httpx2.Response:
    """As a script of the page does."""
    sent = browser._headers({"origin": browser.origin, **headers})
    return browser._kept(await browser.http.post(path, json=body, headers=sent))


async def made(
    browser: Visitor, device: Authenticator, name: str = "Phone", **client: Any
) -> httpx2.Response:
    begun = await post(browser, "/auth/passkeys/options", {"password": PASSWORD})
    assert begun.status_code == 200, begun.text
    credential = device.create(begun.json()["options"], **client)
    given = {"ceremony": begun.json()["ceremony"], "credential": credential, "name": name}
    return await post(browser, "/auth/passkeys/new", given)


async def begun(browser: Visitor) -> dict[str, Any]:
    answer: dict[str, Any] = (await post(browser, "/auth/passkey/options", {})).json()
    return answer


async def shown(browser: Visitor, device: Authenticator, **client: Any) -> httpx2.Response:
    asked = await begun(browser)
    credential = device.get(asked["options"], **client)
    given = {"ceremony": asked["ceremony"], "credential": credential, "next": "/graphql"}
    return await post(browser, "/auth/passkey", given)


async def owner_of_one(school: School, person: User) -> Authenticator:
    """Somebody with a password and a passkey."""
    await give_password(school, person)
    device = Authenticator(f"http://{school.host}")
    async with visiting(school, address="203.0.113.99") as browser:
        await browser.sign_in(person.email)
        assert (await made(browser, device)).status_code == 201
    return device


async def test_a_person_comes_in_by_a_passkey_alone(school: School) -> None:
    device = await owner_of_one(school, school.learner)
    await give_second_factor(school, school.learner)
    async with visiting(school) as browser:
        page = (await browser.get("/auth/sign-in")).text
        assert '<script src="/auth/passkey.js"></script>' in page
        assert (await browser.get("/auth/passkey.js")).headers["content-type"].startswith("text/javascript")
        entered = await shown(browser, device)
        assert (entered.status_code, entered.json()) == (200, {"location": "/graphql"})
        who = (await browser.ask({"query": "{ viewer { user { email } } }"})).json()
        assert who["data"]["viewer"]["user"]["email"] == school.learner.email
    async with visiting(school) as browser:
        assert (await shown(browser, device)).status_code == 200


async def test_their_owner_names_and_removes_them(school: School) -> None:
    device = await owner_of_one(school, school.learner)
    async with visiting(school) as browser:
        assert (await browser.get("/auth/passkeys")).headers[
            "location"
        ] == "/auth/sign-in?next=/auth/passkeys"
        await shown(browser, device)
        page = (await browser.get("/auth/passkeys")).text
        assert 'value="Phone"' in page
        (path,) = re.findall(r'action="(/auth/passkeys/[^"]+)"', page)
        fields = await browser.form("/auth/passkeys")
        assert (await browser.post(path, {**fields, "name": " "})).status_code == 400
        assert (await browser.post(path, {**fields, "name": "<b>Old</b>"})).status_code == 303
        assert (await browser.post(path, {**fields, "name": "Other"})).status_code == 409
        assert 'value="&lt;b&gt;Old&lt;/b&gt;"' in (await browser.get("/auth/passkeys")).text
        for wrong in ({"form_token": "x"}, {}):
            origin = {} if wrong else {"origin": "https://evil.example"}
            sent = {**fields, **wrong, "remove": "1"}
            assert (await browser.post(path, sent, **origin)).status_code == 403
        await give_password(school, school.other)
        async with visiting(school) as other:
            await other.sign_in(school.other.email)
            theirs = {**await other.form("/auth/sign-in"), "remove": "1"}
            assert (await other.post(path, theirs)).status_code == 404
            assert "<b>Old" not in (await other.get("/auth/passkeys")).text
        assert (await browser.post(path, {**fields, "remove": "1"})).status_code == 303
        assert path not in (await browser.get("/auth/passkeys")).text
    async with visiting(school) as browser:
        assert (await shown(browser, device)).status_code == 401


async def test_to_make_one_takes_the_password_and_a_session(school: School) -> None:
    await give_password(school, school.learner)
    device = Authenticator(f"http://{school.host}")
    async with visiting(school) as browser:
        for path, body in (
            ("/auth/passkeys/options", {"password": PASSWORD}),
            ("/auth/passkeys/new", {"ceremony": "x", "credential": {}, "name": "x"}),
        ):
            assert (await post(browser, path, body)).status_code == 401
        await browser.sign_in(school.learner.email)
        wrong = await post(browser, "/auth/passkeys/options", {"password": "wrong"})
        assert wrong.status_code == 400
        for origin in ("https://evil.example", "null", f"http://other.{school.host}"):
            refused = await post(browser, "/auth/passkeys/options", {"password": PASSWORD}, origin=origin)
            assert refused.status_code == 403
        assert (await made(browser, device)).status_code == 201
        # the same again, and a name that is none
        assert (await made(browser, device)).status_code == 409
        assert (await made(browser, Authenticator(device.origin), name="")).status_code == 400


BAD_MAKING: dict[str, Callable[[School], tuple[dict[str, Any], dict[str, Any]]]] = {
    "another origin": lambda _: ({"origin": "https://evil.example"}, {}),
    "a sibling's origin": lambda school: ({"origin": f"http://evil.{school.host}"}, {}),
    "nobody was asked": lambda _: ({"flags": PRESENT}, {}),
    "nobody was there": lambda _: ({"flags": VERIFIED}, {}),
    "another challenge": lambda _: ({}, {"challenge": encoded(bytes(32))}),
    "another ceremony": lambda _: ({}, {"type": "webauthn.get"}),
    "an id that is too long": lambda _: ({"id": bytes(1024)}, {}),
}


@pytest.mark.parametrize("wrong", sorted(BAD_MAKING))
async def test_what_a_device_does_not_prove_is_not_kept(school: School, wrong: str) -> None:
    await give_password(school, school.learner)
    device, client = BAD_MAKING[wrong](school)
    made_badly = Authenticator(**{"origin": f"http://{school.host}", **device})
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        assert (await made(browser, made_badly, **client)).status_code == 400
        assert "/auth/passkeys/" not in re.sub(r"/auth/passkeys/(options|new)", "", await _page(browser))


async def _page(browser: Visitor) -> str:
    return (await browser.get("/auth/passkeys")).text


BAD_USE: dict[str, Callable[[School, Authenticator], dict[str, Any]]] = {
    "another origin": lambda _, device: _set(device, origin="https://evil.example"),
    "a sibling's origin": lambda school, device: _set(device, origin=f"http://evil.{school.host}"),
    "no finger": lambda _, device: _set(device, flags=PRESENT),
    "nobody there": lambda _, device: _set(device, flags=VERIFIED),
    "another key": lambda _, device: _set(device, key=Authenticator("").key),
    "another id": lambda _, device: _set(device, id=bytes(32)),
    "another person": lambda school, device: _set(device, handle=school.owner.id.bytes),
    "nobody named": lambda _, device: _set(device, handle=b""),
    "another challenge": lambda _s, _d: {"challenge": encoded(bytes(32))},
    "another ceremony": lambda _s, _d: {"type": "webauthn.create"},
}


def _set(device: Authenticator, **values: Any) -> dict[str, Any]:
    device.__dict__.update(values)
    return {}


@pytest.mark.parametrize("wrong", sorted(BAD_USE))
async def test_what_is_not_proved_lets_nobody_in(school: School, wrong: str) -> None:
    device = await owner_of_one(school, school.learner)
    client = BAD_USE[wrong](school, device)
    async with visiting(school) as browser:
        refused = await shown(browser, device, **client)
        assert (refused.status_code, "harka" in browser.cookies) == (401, False)
        assert refused.json()["errors"][0]["extensions"]["code"] == "WRONG_CREDENTIALS"


async def test_a_challenge_is_good_once_and_for_nothing_else(school: School) -> None:
    device = await owner_of_one(school, school.learner)
    async with visiting(school) as browser, visiting(school) as other:
        asked = await begun(browser)
        credential = device.get(asked["options"])
        given = {"ceremony": asked["ceremony"], "credential": credential}
        assert (await post(browser, "/auth/passkey", given)).status_code == 200
        assert (await post(other, "/auth/passkey", given)).status_code == 401
        # one of making a passkey lets nobody in, and the other way round
        making = (await post(browser, "/auth/passkeys/options", {"password": PASSWORD})).json()
        proof = device.get({"rpId": school.host, "challenge": making["options"]["challenge"]})
        crossed = {"ceremony": making["ceremony"], "credential": proof}
        assert (await post(other, "/auth/passkey", crossed)).status_code == 401
        for ceremony in ("", "x", "ü", making["ceremony"][:-8] + "AAAAAAA="):
            sent = {"ceremony": ceremony, "credential": credential}
            assert (await post(other, "/auth/passkey", sent)).status_code == 401
        # another page brings nobody in
        asked = await begun(browser)
        given = {"ceremony": asked["ceremony"], "credential": device.get(asked["options"])}
        evil = await post(other, "/auth/passkey", given, origin="https://evil.example")
        assert (evil.status_code, "harka" in other.cookies) == (403, False)


async def test_a_copied_key_is_noticed(school: School) -> None:
    device = await owner_of_one(school, school.learner)
    async with visiting(school) as browser:
        for _ in range(3):
            assert (await shown(browser, device)).status_code == 200
        device.count = 1
        assert (await shown(browser, device)).status_code == 401
        device.count = 7
        assert (await shown(browser, device)).status_code == 200


async def test_a_device_that_does_not_count_comes_in_again(school: School) -> None:
    await give_password(school, school.learner)
    device = Authenticator(f"http://{school.host}", counts=False)
    async with visiting(school) as browser:
        await browser.sign_in(school.learner.email)
        assert (await made(browser, device)).status_code == 201
        for _ in range(2):
            assert (await shown(browser, device)).status_code == 200


async def test_who_is_let_in_no_more_is_not_by_a_passkey_either(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    device, owners = await owner_of_one(school, school.learner), await owner_of_one(school, school.owner)
    async with visiting(school) as browser:
        async with school.work() as work:
            await user.deactivate(work, school.learner.id)
        assert (await shown(browser, device)).status_code == 401
        async with school.work() as work:
            await user.reactivate(work, school.learner.id)
        assert (await shown(browser, device)).status_code == 200
        # where single sign-on is enforced, owners who may break the glass alone
        async with working(school) as work:
            await connections.prove(work.session, connection)
            (proven,) = await connections.find_by_ids(work.session, [connection.id])
            await connections.update(
                work.session, msgspec.structs.replace(proven, state=str(SsoState.ENFORCED))
            )
        for each in (device, owners):
            refused = await shown(browser, each)
            assert refused.json()["errors"][0]["extensions"]["code"] == "SSO_REQUIRED"
        await give_second_factor(school, school.owner)
        assert (await shown(browser, owners)).status_code == 200
    seen = await attempt(school)
    assert (seen["outcome"], seen["user"]["email"]) == ("BREAK_GLASS", school.owner.email)
    assert provider.asked is not None


async def test_at_another_address_of_the_platform_a_passkey_is_nobodys(
    school: School, make_tenant: Any
) -> None:
    """Neither with its own proof nor with one for that address: the passkey is another organization's."""
    device = await owner_of_one(school, school.learner)
    other = School(school.runtime, await make_tenant())
    async with visiting(other) as browser:
        asked = await begun(browser)
        for place in (asked["options"], {**asked["options"], "rpId": school.host}):
            for origin in (f"http://{school.host}", f"http://{other.host}"):
                device.origin = origin
                sent = {"ceremony": asked["ceremony"], "credential": device.get(place)}
                assert (await post(browser, "/auth/passkey", sent)).status_code == 401
                asked = await begun(browser)
    device.origin = f"http://{school.host}"
    async with visiting(school) as browser:
        theirs = await post(browser, "/auth/passkey", {"ceremony": asked["ceremony"], "credential": {}})
        assert theirs.status_code == 401
        assert (await shown(browser, device)).status_code == 200
