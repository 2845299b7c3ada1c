"""Every way in of one organization at every other's address: pages, forms, tokens of apps and of resets."""

import re
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from attack import NAMES, PAIRS
from speaker import Speaker
from state import States
from worlds import PASSWORD, World

EMAIL = "ada@example.com"


class Browser:
    """Sends what it is told to one address; of cookies only those it is told."""

    def __init__(self, speaker: Speaker, at: World) -> None:
        self._http = speaker.http
        self._host = speaker.address(at)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        self._http.cookies.clear()
        return await self._http.get(path, headers={"host": self._host, **headers})

    async def post(self, path: str, *, cookie: str = "", **body: Any) -> httpx2.Response:
        self._http.cookies.clear()
        headers = {"host": self._host, "origin": f"http://{self._host}"} | (
            {"cookie": cookie} if cookie else {}
        )
        return await self._http.post(path, headers=headers, **body)

    async def form(self) -> tuple[str, str]:
        """A form's cookie and its token."""
        answer = await self.get("/auth/sign-in")
        (cookie,) = answer.headers.get_list("set-cookie")
        (token,) = re.findall(r'name="form_token" value="([^"]+)"', answer.text)
        return cookie.partition(";")[0], token


def telling_nothing(answer: httpx2.Response, guest: World, host: World) -> bool:
    return not any(secret in answer.text for secret in guest.secrets() | (host.secrets() - {host.name}))


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_what_opens_one_opens_no_other(
    speaker: Speaker, states: States, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    kept = [(state, await state.rows()) for state in [await states.of(w.organization) for w in (guest, host)]]
    at_host = Browser(speaker, host)
    cookie, token = await at_host.form()
    theirs = f"harka={guest.cookies[EMAIL]}"

    refreshed = await at_host.post("/auth/refresh", json={"refresh_token": guest.refresh_token})
    signed_out = await at_host.get("/auth/sign-out", cookie=theirs)
    posted = await at_host.post("/auth/sign-out", cookie=f"{cookie}; {theirs}", data={"form_token": token})
    for refused in (refreshed, signed_out, posted):
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert len({refused.json()["errors"][0]["message"] for refused in (refreshed, signed_out, posted)}) == 1

    own_cookie, own_token = await Browser(speaker, guest).form()
    fields: Mapping[str, str] = {"email": EMAIL, "password": PASSWORD, "form_token": own_token}
    of_guest = await at_host.post("/auth/sign-in", cookie=own_cookie, data=fields)
    assert of_guest.status_code == 403

    reset = {"token": guest.fitting["ResetPasswordInput.token"], "password": "brass otter quilting 9"}
    set_anew = await at_host.post("/auth/reset", cookie=cookie, data={**reset, "form_token": token})
    assert set_anew.status_code == 404
    assert all(telling_nothing(each, guest, host) for each in (refreshed, signed_out, posted, of_guest))
    for state, before in kept:
        assert await state.changed(before) == set()


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_address_and_password_are_another_person_elsewhere(
    speaker: Speaker, states: States, worlds: dict[str, World], name: str
) -> None:
    """The control: at home each of these opens."""
    world = worlds[name]
    state = await states.of(world.organization)
    before = await state.rows()
    browser = Browser(speaker, world)
    cookie, token = await browser.form()
    fields = {"email": EMAIL, "password": PASSWORD, "form_token": token}
    entered = await browser.post("/auth/sign-in", cookie=cookie, data=fields)
    assert entered.status_code == 303
    session = next(each for each in entered.headers.get_list("set-cookie") if "hs_" in each).partition(";")[0]
    who = await browser.post("/graphql", cookie=session, json={"query": "{ viewer { user { id name } } }"})
    user = who.json()["data"]["viewer"]["user"]
    assert world.canary in user["name"]
    assert user["id"] in world.ids
    tokens = await browser.post("/auth/refresh", json={"refresh_token": world.refresh_token})
    assert tokens.status_code == 200
    assert {table.rpartition(".")[2] for table in await state.put_back(before)} == {"session"}


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_a_connection_leads_nowhere_at_anothers_address(
    speaker: Speaker, states: States, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    kept = [(state, await state.rows()) for state in [await states.of(w.organization) for w in (guest, host)]]
    at_host, foreign, garbled = Browser(speaker, host), guest.own["SsoConnection"], "x"
    told = []
    for id_ in (foreign, garbled):
        told += [
            await at_host.get(f"/auth/{place.format(id_)}")
            for place in (
                "sso/{}/start",
                "sso/{}/callback",
                "sso/{}/end",
                "saml/{}/metadata",
                "saml/{}/enter",
            )
        ]
        told.append(await at_host.post(f"/auth/saml/{id_}/acs", data={"SAMLResponse": "eA=="}))
    assert {each.status_code for each in told} == {404}
    assert all(telling_nothing(each, guest, host) for each in told)
    assert len({each.json()["errors"][0]["message"] for each in told}) == 1
    for state, before in kept:
        assert await state.changed(before) == set()
