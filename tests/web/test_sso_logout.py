"""A provider ends the sessions that began by it, and nobody else does."""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import msgspec
import pytest
from joserfc import jws

from entering import PASSWORD, Visitor, give_password, visiting
from harka import clock
from harka.auth.oidc_logout import EVENT
from harka.ids import NodeKind
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection
from provider import CLIENT, Provider
from school import School, school
from sso_school import DISABLE, attempt, begin, come_back, connection, issuer, provider, working

__all__ = ["connection", "issuer", "provider", "school"]

FORM = "application/x-www-form-urlencoded"


def told(provider: Provider, **changes: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    return {
        "iss": provider.issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": secrets.token_hex(8),
        "events": {EVENT: {}},
        **changes,
    }


def signed(provider: Provider, claims: dict[str, Any], **header: Any) -> str:
    given = {"alg": "ES256", "kid": provider.key.kid, "typ": "logout+jwt", **header}
    return jws.serialize_compact(given, json.dumps(claims), provider.key)


async def send(school: School, connection: SsoConnection, token: str) -> httpx2.Response:
    path = f"/auth/oidc/{school.id(NodeKind.SSO_CONNECTION, connection)}/backchannel"
    async with visiting(school, address="198.51.100.77") as server:
        return await server.http.post(path, data={"logout_token": token})


async def come_in(
    browser: Visitor, school: School, connection: SsoConnection, provider: Provider, who: str, sid: str | None
) -> None:
    email = f"{who}-{connection.id.hex}@example.com"
    claims = {"email": email, "email_verified": True, **({} if sid is None else {"sid": sid})}
    said = provider.authorize(await begin(browser, school, connection), who, **claims)
    assert (await come_back(browser, school, connection, said)).status_code == 303


async def live(browsers: Sequence[Visitor]) -> list[bool]:
    return [(await browser.ask()).status_code == 200 for browser in browsers]


async def test_it_ends_what_it_names_and_no_more(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    async with (
        visiting(school) as first,
        visiting(school) as second,
        visiting(school) as unnamed,
        visiting(school) as another,
        visiting(school) as by_password,
    ):
        browsers = (first, second, unnamed, another, by_password)
        for browser, who, sid in (
            (first, "ann", "p-1"),
            (second, "ann", "p-2"),
            (unnamed, "ann", None),
            (another, "bob", "p-3"),
        ):
            await come_in(browser, school, connection, provider, who, sid)
        await by_password.sign_in(school.learner.email, PASSWORD)
        assert await live(browsers) == [True] * 5
        for claims, expected in (
            ({"sub": "nobody"}, [True, True, True, True, True]),
            # of the other's session with this name
            ({"sub": "bob", "sid": "p-1"}, [True, True, True, True, True]),
            ({"sid": "p-1"}, [False, True, True, True, True]),
            ({"sub": "ann", "sid": "p-2"}, [False, False, True, True, True]),
            ({"sub": "ann"}, [False, False, False, True, True]),
        ):
            answer = await send(school, connection, signed(provider, told(provider, **claims)))
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["cache-control"] == "no-store"
            assert await live(browsers) == expected, claims
        seen = await attempt(school)
        assert (seen["outcome"], seen["user"]["email"]) == (
            "SIGNED_OUT",
            f"ann-{connection.id.hex}@example.com",
        )


async def test_who_linked_by_a_password_is_ended_too(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        email = school.learner.email
        said = provider.authorize(
            await begin(browser, school, connection), "linked", email=email, email_verified=True, sid="p-9"
        )
        assert (await come_back(browser, school, connection, said)).status_code == 200
        fields = {**await browser.form("/auth/sign-in"), "email": email, "password": PASSWORD}
        assert (await browser.post("/auth/sso/link", fields)).status_code == 303
        assert await live([browser]) == [True]
        # what began by it may be ended while nobody comes in by it any more
        id_ = {"id": school.id(NodeKind.SSO_CONNECTION, connection)}
        assert (await school.ask(DISABLE, id_)).codes == []
        assert (
            await send(school, connection, signed(provider, told(provider, sid="p-9")))
        ).status_code == 200
        assert await live([browser]) == [False]


def _encoded(content: Any) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def _none(provider: Provider) -> str:
    return f"{_encoded({'alg': 'none', 'typ': 'logout+jwt'})}.{_encoded(told(provider, sub='ann'))}."


def _hmac(provider: Provider) -> str:
    head = _encoded({"alg": "HS256", "kid": provider.key.kid})
    text = f"{head}.{_encoded(told(provider, sub='ann'))}"
    return f"{text}.{_encoded(hmac.digest(provider.key.as_pem(private=False), text.encode(), 'sha256'))}"


def _stranger(provider: Provider) -> str:
    header = {"alg": "ES256", "kid": provider.key.kid, "typ": "logout+jwt"}
    return jws.serialize_compact(header, json.dumps(told(provider, sub="ann")), provider.new_key())


def _claiming(**changes: Any) -> Callable[[Provider], str]:
    def made(provider: Provider) -> str:
        return signed(provider, {**told(provider, sub="ann"), **changes})

    return made


FORGED: dict[str, Callable[[Provider], str]] = {
    "unsigned": _none,
    "hmac of the public key": _hmac,
    "another key": _stranger,
    "no token": lambda _: "x",
    "audience": _claiming(aud="another"),
    "issuer": _claiming(iss="https://evil.example"),
    "nonce": _claiming(nonce="n"),
    "an ID token": _claiming(events=None, nonce="n"),
    "no event": _claiming(events={}),
    "over": _claiming(exp=1),
    "old": _claiming(iat=1),
    "another kind": lambda provider: signed(provider, told(provider, sub="ann"), typ="at+jwt"),
    "critical": lambda provider: signed(provider, told(provider, sub="ann"), crit=["b64"], b64=True),
}


@pytest.mark.parametrize("forged", sorted(FORGED))
async def test_a_forged_token_ends_nothing(
    school: School, connection: SsoConnection, provider: Provider, forged: str
) -> None:
    async with visiting(school) as browser:
        await come_in(browser, school, connection, provider, "ann", "p-1")
        answer = await send(school, connection, FORGED[forged](provider))
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
        assert await live([browser]) == [True]
    assert (await attempt(school))["outcome"] == "LOGOUT_REFUSED"


async def test_it_is_used_once(school: School, connection: SsoConnection, provider: Provider) -> None:
    token = signed(provider, told(provider, sub="ann"))
    async with visiting(school) as browser:
        await come_in(browser, school, connection, provider, "ann", "p-1")
        assert (await send(school, connection, token)).status_code == 200
        assert await live([browser]) == [False]
        await come_in(browser, school, connection, provider, "ann", "p-1")
        assert (await send(school, connection, token)).status_code == 400
        assert await live([browser]) == [True]
    seen = await attempt(school)
    assert (seen["outcome"], seen["detail"]) == ("LOGOUT_REFUSED", "It was used before.")


async def test_a_token_of_another_connection_ends_nothing(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    """Of the same provider, to another client of ours; and at a draft, which was never tested."""
    async with visiting(school) as browser:
        await come_in(browser, school, connection, provider, "ann", "p-1")
        other = f"/auth/oidc/{school.id(NodeKind.SSO_CONNECTION, school.learner.id)}/backchannel"
        data = {"logout_token": signed(provider, told(provider, sub="ann"))}
        assert (await browser.http.post(other, data=data)).status_code == 404
        async with working(school) as work:
            (found,) = await connections.find_by_ids(work.session, [connection.id])
            await connections.update(work.session, _draft(found))
        assert (await send(school, connection, data["logout_token"])).status_code == 404
        assert await live([browser]) == [True]


def _draft(found: SsoConnection) -> SsoConnection:
    return msgspec.structs.replace(found, state="draft", tested_at=None, proven_at=None)


async def test_what_is_no_such_request_is_refused(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    path = f"/auth/oidc/{school.id(NodeKind.SSO_CONNECTION, connection)}/backchannel"
    asked = len(provider.asked)
    async with visiting(school) as server:
        for content, type_, expected in (
            (b"{}", "application/json", 415),
            (b"", FORM, 400),
            (b"logout_token=", FORM, 400),
            (b"logout_token=a&logout_token=b", FORM, 400),
            (b"logout_token=\xff", FORM, 400),
            (b"logout_token=" + b"x" * 20_000, FORM, 400),
        ):
            sent = await server.http.post(path, content=content, headers={"content-type": type_})
            assert sent.status_code == expected, content[:40]
        assert (await server.http.get(path)).status_code == 405
        assert (
            await server.http.post("/auth/oidc/x/backchannel", data={"logout_token": "x"})
        ).status_code == 404
    # nobody is asked for what is no token
    assert len(provider.asked) == asked
