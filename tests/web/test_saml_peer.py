"""A person signs in at a SAML provider that others wrote: npm's `samlp`."""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization

from browser import DRIVER, Browser, is_required, open_browser
from entering import Visitor, visiting
from node import install, serving
from saml_idp import Key, needs_xmlsec1, new_key
from saml_school import CREATE, UPDATE, WHO, come, is_out
from school import School, school
from sso_school import TEST, attempt

__all__ = ["school"]
pytestmark = needs_xmlsec1


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(Path(__file__).parent / "saml", tmp_path_factory.mktemp("saml")) / "provider.mjs"


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


@pytest.fixture(scope="module")
def peer(program: Path, key: Key) -> Iterator[str]:
    """Its address."""
    private = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (program.parent / "key.pem").write_bytes(private)
    (program.parent / "cert.pem").write_text(key.certificate)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(program, str(port), str(program.parent)):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def connection(school: School, peer: str) -> dict[str, Any]:
    """Each has read the other's metadata."""
    saml = {"metadataUrl": f"{peer}/metadata"}
    given = {"name": "Peer", "roleClaim": "http://schemas.passportjs.com/groups", "saml": saml}
    made: dict[str, Any] = (await school.ask(CREATE, {"input": given})).data["createSsoConnection"][
        "ssoConnection"
    ]
    assert made["issuer"] == peer
    tested = await school.ask(TEST, {"id": made["id"]})
    assert tested.data["testSsoConnection"] == {"ssoConnection": {"state": "TESTED"}, "errors": []}
    async with visiting(school) as browser, httpx2.AsyncClient() as http:
        ours = (await browser.get(made["saml"]["metadataPath"])).text
        assert (await http.put(f"{peer}/sp", content=ours)).status_code == 200
    return made


async def sign_in_there(address: str) -> dict[str, str]:
    """The form that it has a browser post: by a script of its own, in earnest."""
    async with httpx2.AsyncClient() as http:
        page = (await http.get(address)).text
    fields = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', page))
    assert "SAMLResponse" in fields, page
    return {name: unescape(value) for name, value in fields.items()}


async def enter(browser: Visitor, connection: dict[str, Any], how: str) -> httpx2.Response:
    sent = await browser.get(f"{connection['startPath']}?next=/graphql")
    fields = await sign_in_there(f"{sent.headers['location']}&{how}")
    return await come(browser, connection, fields.pop("SAMLResponse"), **fields)


@pytest.mark.parametrize(
    "how",
    [
        "signed=assertion",
        "signed=response",
        "signed=both",
        "signed=assertion&encrypted=2009/xmlenc11%23aes256-gcm",
        "signed=assertion&encrypted=2009/xmlenc11%23aes128-gcm",
        "signed=assertion&encrypted=2001/04/xmlenc%23aes256-cbc",
        "signed=both&encrypted=2001/04/xmlenc%23aes128-cbc",
    ],
)
async def test_a_person_signs_in_at_a_provider_of_others(
    school: School, connection: dict[str, Any], how: str
) -> None:
    async with visiting(school) as browser:
        entered = await enter(browser, connection, f"user=ann&{how}")
        assert (entered.status_code, entered.headers.get("location")) == (303, "/graphql"), await attempt(
            school
        )
        who = (await browser.ask(WHO)).json()["data"]["viewer"]["user"]
    assert who == {"email": "ann@samlp.example", "name": "Name of ann", "role": "INSTRUCTOR"}


async def test_what_it_signs_weakly_is_refused(school: School, connection: dict[str, Any]) -> None:
    async with visiting(school) as browser:
        assert is_out(browser, await enter(browser, connection, "user=ann&algorithm=rsa-sha1"))
    assert "SHA-256" in (await attempt(school))["detail"]


async def test_it_refuses_a_request_that_is_not_ours(
    school: School, connection: dict[str, Any], peer: str
) -> None:
    async with visiting(school) as browser, httpx2.AsyncClient() as http:
        sent = (await browser.get(f"{connection['startPath']}")).headers["location"]
        assert sent.startswith(f"{peer}/sso?")
        assert (await http.get(sent)).status_code == 200
        assert (await http.get(sent.replace("Signature=", "Signature=AAAA"))).status_code == 500


async def test_a_sign_in_begins_there_where_it_may(
    school: School, connection: dict[str, Any], peer: str
) -> None:
    async def begun_there() -> httpx2.Response:
        fields = await sign_in_there(f"{peer}/sso?user=bo")
        return await come(browser, connection, fields.pop("SAMLResponse"), **fields)

    async with visiting(school) as browser:
        assert is_out(browser, await begun_there())
        assert (await attempt(school))["outcome"] == "WRONG_STATE"
        given = {"id": connection["id"], "version": 2, "saml": {"allowIdpInitiated": True}}
        assert (await school.ask(UPDATE, {"input": given})).data["updateSsoConnection"]["errors"] == []
        entered = await begun_there()
        assert (entered.status_code, entered.headers["location"]) == (303, "/dashboard")
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"]["email"] == "bo@samlp.example"


@pytest.fixture(scope="module")
async def window(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.skipif(DRIVER is None and not is_required(), reason="no chromedriver")
async def test_a_real_browser_is_led_through(
    school: School, connection: dict[str, Any], peer: str, live_server: Any, window: Browser
) -> None:
    """It decides which cookies go with what another site has it post, and with where that leads."""
    ours = f"http://{school.host}:{live_server.settings.port}"
    at = {"host": f"{school.host}:{live_server.settings.port}"}
    async with httpx2.AsyncClient(headers=at) as here, httpx2.AsyncClient() as http:
        shown = await here.get(f"{live_server.address}{connection['saml']['metadataPath']}")
        assert (await http.put(f"{peer}/sp", content=shown.text)).status_code == 200
    await window.go(f"{ours}{connection['startPath']}?next=/auth/sign-out")
    await window.until("location.pathname === '/auth/sign-out' && document.querySelector('form button')")
    assert (await attempt(school))["outcome"] == "SIGNED_IN"
    await window.click("form button")
    await window.until("location.pathname.endsWith('/end')")
    # an answer to another's request, which an attacker has this browser post
    async with visiting(school) as theirs:
        sent = (await theirs.get(connection["startPath"])).headers["location"]
    fields = await sign_in_there(sent)
    await window.go(f"{peer}/metadata")
    script = (
        "(() => { const form = document.createElementNS('http://www.w3.org/1999/xhtml', 'form'); "
        f"form.method = 'post'; form.action = '{ours}{connection['saml']['acsPath']}'; "
        "const field = document.createElementNS('http://www.w3.org/1999/xhtml', 'input'); "
        f"field.name = 'SAMLResponse'; field.value = '{fields['SAMLResponse']}'; form.append(field); "
        "document.documentElement.append(form); form.submit(); })()"
    )
    await window.evaluate(f"void {script}")
    await window.until("document.querySelector('[role=alert]')")
    seen = await attempt(school)
    assert (seen["outcome"], seen["detail"][:15]) == ("WRONG_STATE", "Another browser")
