"""A person signs in at a provider that others wrote: npm's `oidc-provider`."""

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from entering import visiting
from harka.ids import NodeKind
from harka.learning import sso
from harka.learning.sso_draft import SsoDraft
from node import install, serving
from provider import CLIENT, SECRET
from receiver import Receiver, receiving
from school import School, school
from sso_school import TEST, attempt, begin, working

__all__ = ["school"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(Path(__file__).parent / "oidc", tmp_path_factory.mktemp("oidc")) / "provider.mjs"


def new_browser() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(follow_redirects=False)


async def sign_in_there(there: httpx2.AsyncClient, address: str, who: str, back: str) -> dict[str, str]:
    """As somebody does on its own pages, until it sends them `back`; answers with what."""
    answer = await there.get(address)
    for _ in range(12):
        if answer.is_redirect:
            place = urljoin(str(answer.url), answer.headers["location"])
            if place.startswith(back):
                return dict(httpx2.QueryParams(urlsplit(place).query))
            answer = await there.get(place)
            continue
        action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert action, answer.text
        assert prompt, answer.text
        fields = {"prompt": prompt[1], "login": who, "password": "any"}
        answer = await there.post(urljoin(str(answer.url), action[1]), data=fields)
    raise AssertionError("It never sends anybody back.")


async def sign_out_there(there: httpx2.AsyncClient, issuer: str) -> None:
    """As somebody does who says that they mean it."""
    asked = (await there.get(f"{issuer}/session/end")).text
    secret = re.search(r'name="xsrf" value="(\w+)"', asked)
    assert secret, asked
    await there.post(f"{issuer}/session/end/confirm", data={"xsrf": secret[1], "logout": "yes"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as open_receiver:
        yield open_receiver


async def test_a_person_signs_in_at_a_provider_of_others_and_out(
    school: School, program: Path, receiver: Receiver
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{probe.getsockname()[1]}"
    async with working(school) as work:
        draft = SsoDraft(
            name="Peer", issuer=issuer, client_id=CLIENT, client_secret=SECRET, role_claim="roles"
        )
        made = await sso.create(work, school.runtime.keyring, draft)
    id_ = school.id(NodeKind.SSO_CONNECTION, made)
    back, after = f"http://{school.host}/auth/sso/{id_}/callback", f"http://{school.host}/auth/sign-in"
    with serving(program, issuer, back, after, receiver.url()):
        tested = await school.ask(TEST, {"id": id_})
        assert tested.data["testSsoConnection"] == {"ssoConnection": {"state": "TESTED"}, "errors": []}
        async with visiting(school) as browser, new_browser() as there:
            said = await sign_in_there(there, await begin(browser, school, made), "ann", back)
            entered = await browser.get(f"{urlsplit(back).path}?{httpx2.QueryParams(said)}")
            assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
            # its ID token tells no address: it was asked
            who = (await browser.ask({"query": "{ viewer { user { email name role } } }"})).json()
            expected = {"email": "ann@oidc.example", "name": "Name of ann", "role": "INSTRUCTOR"}
            assert who["data"]["viewer"]["user"] == expected
            await sign_out_there(there, issuer)
            (sent,) = await receiver.until(1)
            assert (await browser.ask()).status_code == 200
            ended = await browser.http.post(
                f"/auth/oidc/{id_}/backchannel",
                content=sent.body,
                headers={"content-type": sent.headers["content-type"]},
            )
            assert ended.status_code == 200
            assert (await browser.ask()).status_code == 401
            browser.cookies.clear()
            said = await sign_in_there(there, await begin(browser, school, made), "ann", back)
            assert (await browser.get(f"{urlsplit(back).path}?{httpx2.QueryParams(said)}")).status_code == 303
            out = await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
            page = (await browser.get(out.headers["location"])).text
            end = re.search(r'href="(http://127[^"]+)"', page)
            assert end
            async with httpx2.AsyncClient() as stranger:
                asked = await stranger.get(end[1].replace("&amp;", "&"))
            assert (asked.status_code, f'action="{issuer}/session/end/confirm"' in asked.text) == (200, True)
        async with visiting(school) as browser:
            address = await begin(browser, school, made)
            async with new_browser() as there:
                said = await sign_in_there(there, address, "unverified", back)
            assert (await browser.get(f"{urlsplit(back).path}?{httpx2.QueryParams(said)}")).status_code == 401
    assert (await attempt(school))["outcome"] == "ADDRESS_MISSING"
