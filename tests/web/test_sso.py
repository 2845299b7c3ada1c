"""People come in by a provider of the test's own; what an attacker sends never lets anybody in."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from joserfc import jws

from entering import PASSWORD, give_password, visiting
from harka.auth import oidc
from harka.cache.throttle import Rate
from harka.errors import UnavailableError
from harka.ids import NodeKind, new_id
from harka.learning import sso_entrance, user
from harka.repositories import domain as domains
from harka.repositories import sso as connections
from harka.repositories.domain import DomainStatus
from harka.repositories.sso import SsoConnection
from provider import CLIENT, Provider
from school import School, open_school, school
from sso_school import TEST, attempt, begin, come_back, connection, issuer, provider

__all__ = ["connection", "issuer", "open_school", "provider", "school"]

NAMED = {"MANAGER": ["cn=heads", "teachers: ALL"], "INSTRUCTOR": "teachers: all", "LEARNER": ["manager"]}
SET = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code field } ssoConnection { emailDomains roleMappings { value role } } } }"""


async def test_somebody_new_comes_in_and_again_by_subject_alone(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    email = f"new-{connection.id.hex}@example.com"
    subject = connection.id.hex
    async with visiting(school) as browser:
        page = (await browser.get("/auth/sign-in?next=/graphql")).text
        assert "Sign in with Example &amp; Co</a>" in page
        address = await begin(browser, school, connection)
        said = provider.authorize(
            address, subject, email=email, email_verified=True, name="New One", roles=["admin", "instructor"]
        )
        entered = await come_back(browser, school, connection, said)
        assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
        assert (await browser.ask()).json()["data"]["viewer"]["user"] is not None
        # the same code and state again
        assert (await come_back(browser, school, connection, said)).status_code == 401
    seen = await attempt(school)
    assert seen["outcome"] == "WRONG_STATE"
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        said = provider.authorize(address, subject, email="another@example.com", email_verified=True)
        assert (await come_back(browser, school, connection, said)).status_code == 303
        who = (await browser.ask({"query": "{ viewer { user { email role name } } }"})).json()
        assert who["data"]["viewer"]["user"] == {"email": email, "role": "INSTRUCTOR", "name": "New One"}
    seen = await attempt(school)
    assert (seen["outcome"], seen["user"]["email"]) == ("SIGNED_IN", email)


async def test_an_address_alone_is_nobody_a_password_links_it(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    email = school.learner.email
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        said = provider.authorize(address, "theirs", email=email, email_verified=True)
        asked = await come_back(browser, school, connection, said)
        assert asked.status_code == 200
        assert "harka" not in browser.cookies
        hidden = await browser.form("/auth/sign-in")
        wrong = await browser.post("/auth/sso/link", {**hidden, "email": email, "password": "wrong"})
        assert (wrong.status_code, "harka" in browser.cookies) == (401, False)
        linked = await browser.post("/auth/sso/link", {**hidden, "email": email, "password": PASSWORD})
        assert linked.status_code == 303
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        said = provider.authorize(address, "theirs")
        assert (await come_back(browser, school, connection, said)).status_code == 303
        async with school.work() as work:
            await user.deactivate(work, school.learner.id)
        address = await begin(browser, school, connection)
        said = provider.authorize(address, "theirs")
        assert (await come_back(browser, school, connection, said)).status_code == 401
    assert (await attempt(school))["outcome"] == "INACTIVE"
    async with school.work() as work:
        await user.reactivate(work, school.learner.id)


def _unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps({"alg": "none"}), json.dumps(claims))
    return ".".join([*(_encoded(each.encode()) for each in parts), ""])


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _hmac_of_public_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    secret = provider.key.as_pem(private=False)

    def sign(claims: dict[str, Any]) -> str:
        parts = (json.dumps({"alg": "HS256", "kid": provider.key.kid}), json.dumps(claims))
        text = ".".join(_encoded(each.encode()) for each in parts)
        return f"{text}.{_encoded(hmac.digest(secret, text.encode(), 'sha256'))}"

    return sign


def _with_another_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    header = {"alg": "ES256", "kid": provider.key.kid}
    stranger = provider.new_key()
    return lambda claims: jws.serialize_compact(header, json.dumps(claims), stranger)


FORGED: dict[str, Callable[[Provider], dict[str, Any]]] = {
    "unsigned": lambda _: {"sign": _unsigned},
    "hmac": lambda provider: {"sign": _hmac_of_public_key(provider)},
    "another key": lambda provider: {"sign": _with_another_key(provider)},
    "no token": lambda _: {"sign": lambda _claims: "x"},
    "issuer": lambda _: {"claims": {"iss": "https://evil.example"}},
    "audience": lambda _: {"claims": {"aud": "somebody-else"}},
    "audiences": lambda _: {"claims": {"aud": [CLIENT, "somebody-else"]}},
    "party": lambda _: {"claims": {"azp": "somebody-else"}},
    "nonce": lambda _: {"claims": {"nonce": "of another sign-in"}},
    "no nonce": lambda _: {"claims": {"nonce": None}},
    "over": lambda _: {"claims": {"exp": 1}},
    "not begun": lambda _: {"claims": {"iat": 4_000_000_000}},
    "no subject": lambda _: {"claims": {"sub": ""}},
    "control in subject": lambda _: {"claims": {"sub": "a\0b"}},
    "no address": lambda _: {"claims": {"email_verified": False}},
}


@pytest.mark.parametrize("forged", sorted(FORGED))
async def test_a_forged_token_lets_nobody_in(
    school: School, connection: SsoConnection, provider: Provider, forged: str
) -> None:
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        said = provider.authorize(address, f"forged {forged}")
        honest = {"email": f"forged-{connection.id.hex}@example.com", "email_verified": True}
        told = FORGED[forged](provider)
        provider.claims = {**honest, **told.get("claims", {})}
        provider.sign = told.get("sign", provider.signed)
        refused = await come_back(browser, school, connection, said)
        assert (refused.status_code, "harka" in browser.cookies) == (401, False)
    expected = "ADDRESS_MISSING" if forged == "no address" else "TOKEN_REFUSED"
    seen = await attempt(school)
    assert (seen["outcome"], seen["connection"]["name"]) == (expected, "Example & Co")


@pytest.mark.parametrize("of", ["them", "another"])
async def test_what_a_token_does_not_tell_the_provider_is_asked(
    school: School, connection: SsoConnection, provider: Provider, of: str
) -> None:
    provider.configuration["userinfo_endpoint"] = f"{provider.issuer}/me"
    await school.ask(TEST, {"id": school.id(NodeKind.SSO_CONNECTION, connection)})
    email, subject = f"me-{connection.id.hex}@example.com", connection.id.hex
    async with visiting(school) as browser:
        said = provider.authorize(await begin(browser, school, connection), subject)
        provider.info = {"sub": subject if of == "them" else "another", "email": email}
        # who it is says the token alone
        provider.info |= {"email_verified": True, "iss": "https://evil.example", "nonce": "x", "aud": "x"}
        entered = await come_back(browser, school, connection, said)
        assert entered.status_code == (303 if of == "them" else 401)
        assert ("harka" in browser.cookies) == (of == "them")
    seen = await attempt(school)
    assert seen["outcome"] == ("SIGNED_IN" if of == "them" else "ADDRESS_MISSING")
    # an admin sees which of the two places did not tell it
    assert ("UserInfo answers about somebody else." in seen["detail"]) == (of == "another")


CLAIMS = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code field } ssoConnection { version emailClaim nameClaim roleClaim } } }"""


@pytest.mark.parametrize("where", ["token", "userinfo"])
async def test_what_they_are_called_stands_where_the_connection_says(
    school: School, connection: SsoConnection, provider: Provider, where: str
) -> None:
    """As in Keycloak, whose tokens tell roles inside of other claims, or elsewhere alone."""
    provider.configuration["userinfo_endpoint"] = f"{provider.issuer}/me"
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    await school.ask(TEST, {"id": id_})
    named = {"emailClaim": "upn", "nameClaim": "profile.nickname", "roleClaim": "realm_access.roles"}
    reply = await school.ask(CLAIMS, {"input": {"id": id_, "version": connection.version + 1, **named}})
    kept = reply.data["updateSsoConnection"]["ssoConnection"]
    assert kept == {**named, "version": connection.version + 2}
    email, subject = f"claims-{connection.id.hex}@example.com", connection.id.hex
    told = {"profile": {"nickname": "Annie"}, "realm_access": {"roles": ["Instructor"]}}
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        more = told if where == "token" else {}
        said = provider.authorize(
            address, subject, upn=email, email="x@example.com", email_verified=False, name="Ann", **more
        )
        provider.info = {"sub": subject, **told}
        assert (await come_back(browser, school, connection, said)).status_code == 303
        who = (await browser.ask({"query": "{ viewer { user { email role name } } }"})).json()
    assert who["data"]["viewer"]["user"] == {"email": email, "role": "INSTRUCTOR", "name": "Annie"}
    assert ("/me" in provider.asked) == (where == "userinfo")
    usual = {"emailClaim": None, "nameClaim": None, "roleClaim": None}
    reply = await school.ask(CLAIMS, {"input": {"id": id_, "version": kept["version"], **usual}})
    assert reply.data["updateSsoConnection"]["ssoConnection"] == {**usual, "version": kept["version"] + 1}


async def test_what_another_browser_began_nobody_ends(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    honest = {"email": f"x-{connection.id.hex}@example.com", "email_verified": True}
    async with visiting(school) as mine, visiting(school) as other:
        said = provider.authorize(await begin(mine, school, connection), "mine", **honest)
        await begin(other, school, connection)
        asked = len(provider.asked)
        for browser, told in (
            (other, said),
            (mine, {**said, "state": "x"}),
            (mine, {}),
            (mine, {**said, "state": "ü\0"}),
        ):
            refused = await come_back(browser, school, connection, told)
            assert (refused.status_code, "harka" in browser.cookies) == (401, False)
            # nor is the provider asked
            assert len(provider.asked) == asked


async def test_an_answer_of_another_issuer_is_refused(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    for wrong in ({"iss": "https://evil.example"}, {"error": "access_denied"}):
        async with visiting(school) as browser:
            said = provider.authorize(await begin(browser, school, connection))
            asked = len(provider.asked)
            assert (await come_back(browser, school, connection, {**said, **wrong})).status_code == 401
            # the code is not shown to anybody
            assert "/token" not in provider.asked[asked:]
    assert (await attempt(school))["detail"] == "access_denied"


async def test_a_code_that_somebody_kept_lets_nobody_in_again(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    """With all that the browser had when it came back; also where the provider would take the code twice."""
    honest = {"email": f"kept-{connection.id.hex}@example.com", "email_verified": True}
    async with visiting(school) as browser, visiting(school) as thief:
        said = provider.authorize(await begin(browser, school, connection), "kept", **honest)
        thief.cookies = dict(browser.cookies)
        assert (await come_back(browser, school, connection, said)).status_code == 303
        provider.remember(said["code"])
        asked = len(provider.asked)
        assert (await come_back(thief, school, connection, said)).status_code == 401
        assert ("harka" in thief.cookies, provider.asked[asked:]) == (False, [])
    seen = await attempt(school)
    assert (seen["outcome"], seen["detail"]) == ("WRONG_STATE", "It was used before.")


async def test_each_code_asks_the_provider_and_takes_a_try_whatever_it_says(
    school: School, connection: SsoConnection, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sso_entrance, "OF_ADDRESS", Rate("sso", most=2, seconds=600.0))
    answer = provider.answer
    monkeypatch.setattr(
        provider, "answer", lambda path, *more: (400, b"<no>") if path == "/token" else answer(path, *more)
    )
    told = []
    async with visiting(school) as browser:
        for _ in range(3):
            said = provider.authorize(await begin(browser, school, connection), "s")
            told.append((await come_back(browser, school, connection, said)).status_code)
        assert told == [401, 401, 429]


async def test_what_we_could_not_do_takes_no_try(
    school: School, connection: SsoConnection, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sso_entrance, "OF_ADDRESS", Rate("own", most=2, seconds=600.0))

    async def unavailable(*_: Any) -> Any:
        raise UnavailableError

    async with visiting(school) as browser:
        for _ in range(3):
            said = provider.authorize(await begin(browser, school, connection), "s")
            with monkeypatch.context() as patch:
                patch.setattr(sso_entrance, "let_in", unavailable)
                assert (await come_back(browser, school, connection, said)).status_code == 401


async def test_a_key_that_a_provider_shows_no_more_signs_nothing(
    school: School, connection: SsoConnection, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys are kept for ten minutes: what was stolen there is good for no longer."""
    honest = {"email": f"stale-{connection.id.hex}@example.com", "email_verified": True}

    async def enter() -> int:
        async with visiting(school) as browser:
            said = provider.authorize(await begin(browser, school, connection), "stale", **honest)
            return (await come_back(browser, school, connection, said)).status_code

    assert await enter() == 303
    provider.shown = [provider.new_key()]
    assert oidc._KNOWN_FOR <= 600
    monkeypatch.setattr(oidc, "_KNOWN_FOR", -1.0)
    assert await enter() == 401
    assert (await attempt(school))["outcome"] == "TOKEN_REFUSED"


async def test_a_new_key_is_looked_for_now_and_then(
    school: School, connection: SsoConnection, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enter() -> int:
        async with visiting(school) as browser:
            said = provider.authorize(
                await begin(browser, school, connection),
                "rotated",
                email=f"r-{connection.id.hex}@example.com",
                email_verified=True,
            )
            return (await come_back(browser, school, connection, said)).status_code

    assert await enter() == 303
    provider.key = provider.new_key()
    provider.shown = [provider.key]
    asked = provider.asked.count("/keys")
    assert await enter() == 401
    assert provider.asked.count("/keys") == asked
    monkeypatch.setattr(oidc, "_REFRESHED_AT_MOST", -1.0)
    assert await enter() == 303
    assert provider.asked.count("/keys") == asked + 1


async def test_a_provider_that_is_not_as_it_should_be_fails_the_test(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    id_ = {"id": school.id(NodeKind.SSO_CONNECTION, connection)}
    for wrong in (
        {"issuer": "https://evil.example"},
        {"code_challenge_methods_supported": ["plain"]},
        {"jwks_uri": f"{provider.issuer}/nothing"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "javascript:alert(1)"},
    ):
        honest, provider.configuration = provider.configuration, {**provider.configuration, **wrong}
        reply = await school.ask(TEST, id_)
        assert reply.code == "VALIDATION_FAILED", wrong
        provider.configuration = honest
    assert (await school.ask(TEST, id_)).data["testSsoConnection"]["ssoConnection"]["state"] == "TESTED"


async def test_a_domain_that_is_proven_leads_its_people_to_their_connection(
    school: School, connection: SsoConnection
) -> None:
    id_, name = school.id(NodeKind.SSO_CONNECTION, connection), f"{connection.id.hex}.example"

    async def discovered(email: Any) -> Any:
        async with visiting(school) as browser:
            found = await browser.http.post("/auth/discover", json={"email": email})
        return found.json() if found.status_code == 200 else found.status_code

    async def route(*names: str) -> Any:
        given = {"id": id_, "version": 2 if names == (name,) else 3, "emailDomains": names}
        return await school.ask(SET, {"input": given})

    told = await discovered(f"x@{name}")
    assert told["connection"] is None
    start = {"name": "Example & Co", "start_path": f"/auth/sso/{id_}/start"}
    assert (start in told["connections"], told["password"]) == (True, True)
    refused = await route(name)
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", "emailDomains")
    catalog, tenant = school.runtime.catalog, school.organization.id
    made = await domains.insert(catalog, new_id(), tenant, name, DomainStatus.VERIFIED, most=20)
    assert made is not None
    assert (await route(name)).data["updateSsoConnection"]["ssoConnection"]["emailDomains"] == [name]
    # somebody's and nobody's address alike
    for email in (f"nobody@{name}", f" Any.Body@{name.upper()} ", f'"a@b"@{name}'):
        assert (await discovered(email))["connection"] == start
    for email in ("", "@", "a@b", f"x@sub.{name}", f"x@{name}\0", "x" * 3000, "א@😀"):
        assert (await discovered(email))["connection"] is None
    assert (await discovered(7), await discovered("x" * 9000)) == (400, 400)
    await domains.delete(catalog, tenant, made.id)
    assert (await discovered(f"x@{name}"))["connection"] is None


async def test_what_the_provider_names_is_mapped_to_a_role(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    mapped = [{"value": "Teachers: all", "role": "INSTRUCTOR"}, {"value": "CN=Heads", "role": "MANAGER"}]
    given = {"id": school.id(NodeKind.SSO_CONNECTION, connection), "version": 2, "roleMappings": mapped}
    kept = (await school.ask(SET, {"input": given})).data["updateSsoConnection"]["ssoConnection"]
    assert kept["roleMappings"] == mapped
    async with visiting(school) as browser:
        for named, role in (
            (["cn=heads", "teachers: ALL"], "MANAGER"),
            ("teachers: all", "INSTRUCTOR"),
            (["manager"], "LEARNER"),
        ):
            said = provider.authorize(
                await begin(browser, school, connection),
                f"{connection.id.hex} {role}",
                email=f"{role}-{connection.id.hex}@example.com",
                email_verified=True,
                roles=named,
            )
            assert (await come_back(browser, school, connection, said)).status_code == 303
            who = (await browser.ask({"query": "{ viewer { user { role } } }"})).json()
            assert who["data"]["viewer"]["user"]["role"] == role
    again = {
        **given,
        "version": 3,
        "roleMappings": [mapped[0], {"value": "TEACHERS: ALL", "role": "LEARNER"}],
    }
    refused = await school.ask(SET, {"input": again})
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", "roleMappings")


@pytest.mark.parametrize("end", ["/end?a=b", ""], ids=["ends", "does-not-end"])
async def test_who_signs_out_may_do_so_at_the_provider_too(
    school: School, connection: SsoConnection, provider: Provider, end: str
) -> None:
    if end:
        provider.configuration["end_session_endpoint"] = f"{provider.issuer}{end}"
    # a draft that was tested knows the provider as it is now
    tested = await school.ask(TEST, {"id": school.id(NodeKind.SSO_CONNECTION, connection)})
    assert tested.data["testSsoConnection"]["errors"] == []
    async with visiting(school) as browser:
        said = provider.authorize(
            await begin(browser, school, connection),
            connection.id.hex,
            email=f"out-{connection.id.hex}@example.com",
            email_verified=True,
        )
        assert (await come_back(browser, school, connection, said)).status_code == 303
        out = await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
        assert out.headers["location"] == f"/auth/sso/{school.id(NodeKind.SSO_CONNECTION, connection)}/end"
        assert "harka" not in browser.cookies
        page = (await browser.get(out.headers["location"])).text
    back = f"client_id=harka&amp;post_logout_redirect_uri=http%3A%2F%2F{school.host}%2Fauth%2Fsign-in"
    assert (f'{provider.issuer}/end?a=b&amp;{back}"' in page) == bool(end)
    assert ("Sign out of Example &amp; Co, too" in page) == bool(end)


DELETE = """mutation ($id: ID!, $version: Int) {
  deleteSsoConnection(input: {ssoConnectionId: $id, version: $version}) {
    deletedSsoConnectionId errors { code field } } }"""
LEFT = """{ ssoAttempts(first: 2) { nodes { outcome detail connection { id } user { id } } }
  ssoConnections(first: 10) { nodes { id } } }"""


async def test_a_connection_is_deleted_with_what_began_by_it(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    email = f"{connection.id.hex}@example.com"
    async with visiting(school) as theirs, visiting(school) as others:
        await others.sign_in(school.learner.email)
        address = await begin(theirs, school, connection)
        said = provider.authorize(address, "s", email=email, email_verified=True)
        assert (await come_back(theirs, school, connection, said)).status_code == 303
        under_way = provider.authorize(await begin(others, school, connection), "t", email="t@example.com")
        stale = await school.ask(DELETE, {"id": id_, "version": 1}, caller=school.owner)
        assert stale.code == "CONFLICT"
        assert (await theirs.ask()).json()["data"]["viewer"]["user"] is not None
        reply = await school.ask(DELETE, {"id": id_, "version": connection.version}, caller=school.owner)
        assert reply.data["deleteSsoConnection"] == {"deletedSsoConnectionId": id_, "errors": []}
        assert ((await theirs.ask()).status_code, (await others.ask()).status_code) == (401, 200)
        assert (await come_back(others, school, connection, under_way)).status_code == 404
        assert (await others.get(f"/auth/sso/{id_}/start")).status_code == 404
    left = (await school.ask(LEFT)).data
    assert left["ssoConnections"]["nodes"] == []
    told, before = left["ssoAttempts"]["nodes"]
    # what came of it stays to be read, and so does whoever came
    assert (told["outcome"], told["user"]) == (
        "CONNECTION_DELETED",
        {"id": school.id(NodeKind.USER, school.owner)},
    )
    assert provider.issuer in told["detail"]
    assert (before["outcome"], before["connection"]) == ("SIGNED_IN", None)
    assert before["user"] is not None
    assert (await school.ask(DELETE, {"id": id_}, caller=school.owner)).code == "NOT_FOUND"


async def test_what_is_enforced_is_not_deleted(school: School, connection: SsoConnection) -> None:
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    async with school.work() as work:
        proven = msgspec.structs.replace(connection, state="enforced", proven_at=connection.tested_at)
        held = await connections.update(work.session, proven)
    refused = await school.ask(DELETE, {"id": id_}, caller=school.owner)
    assert refused.code == "CONFLICT"
    async with school.work() as work:
        assert list(await connections.find_by_ids(work.session, [connection.id])) == [held]
        # nor by whoever read it before it was
        assert not await connections.delete(work.session, connection.id, connection.version + 1)
