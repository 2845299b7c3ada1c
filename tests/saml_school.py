"""A school with a connection to the SAML provider of the tests, and how a browser goes there and back."""

import zlib
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from entering import Visitor
from harka.auth.saml_xml import Element, read
from saml_idp import ISSUER, KEY, PEER, Key, Said, changed, metadata, posted, response, signed
from school import School
from sso_school import TEST

CREATE = """mutation ($input: CreateSsoConnectionInput!) { createSsoConnection(input: $input) {
  errors { code field message } ssoConnection { id kind state issuer clientId startPath saml {
    entityId metadataPath acsPath ssoUrl metadataUrl allowIdpInitiated emailAttribute
    certificates { subject fingerprint expiresAt } ownCertificate { pem } } } } }"""
UPDATE = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code field message } ssoConnection { state version saml { allowIdpInitiated
    certificates { fingerprint } ownCertificate { pem } } } } }"""
WHO = {"query": "{ viewer { user { email name role } } }"}


async def made(school: School, *, tested: bool = True, **saml: Any) -> dict[str, Any]:
    """A connection by which people may come in."""
    given = {
        "name": "The Provider",
        "roleClaim": "groups",
        "roleMappings": [{"value": "Teachers", "role": "INSTRUCTOR"}],
        "saml": {"metadata": metadata(), **saml},
    }
    reply = await school.ask(CREATE, {"input": given})
    found = dict(reply.data["createSsoConnection"]["ssoConnection"])
    if tested:
        reply = await school.ask(TEST, {"id": found["id"]})
        assert reply.data["testSsoConnection"] == {"ssoConnection": {"state": "TESTED"}, "errors": []}
    return found


async def asked(browser: Visitor, connection: dict[str, Any], next_: str = "/graphql") -> Element:
    """The request with which a browser is sent to the provider; its signature is right."""
    sent = await browser.get(f"{connection['startPath']}?next={next_}")
    assert sent.status_code == 303, sent.text
    address = urlsplit(sent.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == PEER.sso_url.partition("?")[0]
    said = parse_qs(address.query, strict_parsing=True)
    plain = address.query.removeprefix("a=b&")
    content, _, signature = plain.partition("&Signature=")
    assert content == urlencode([each for each in parse_qsl(plain) if each[0] != "Signature"])
    own = x509.load_pem_x509_certificate(connection["saml"]["ownCertificate"]["pem"].encode()).public_key()
    assert isinstance(own, rsa.RSAPublicKey)
    value = b64decode(said["Signature"][0], validate=True)
    own.verify(value, content.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert signature
    request = read(zlib.decompress(b64decode(said["SAMLRequest"][0]), wbits=-15)).root
    assert request.get("Destination") == PEER.sso_url
    assert request.get("AssertionConsumerServiceURL") == f"{browser.origin}{connection['saml']['acsPath']}"
    return request


def answer(
    browser: Visitor, connection: dict[str, Any], request: str | None, *, key: Key = KEY, **more: Any
) -> str:
    """What an honest provider has a browser post, unless `more` says otherwise."""
    acs = f"{browser.origin}{connection['saml']['acsPath']}"
    one = Said(ISSUER, connection["clientId"], acs, request)
    one = changed(one, **more)
    return posted(
        response(signed(one.xml(), key), issuer=ISSUER, destination=acs, in_response_to=one.in_response_to)
    )


async def post(browser: Visitor, connection: dict[str, Any], said: str, **fields: str) -> httpx2.Response:
    """As a page of the provider has a browser post it: without any cookie that is of our site alone."""
    kept, browser.cookies = browser.cookies, {}
    told = await browser.post(
        connection["saml"]["acsPath"],
        {"SAMLResponse": said, **fields},
        origin="https://idp.example",
        sec_fetch_site="cross-site",
    )
    browser.cookies = {**kept, **browser.cookies}
    return told


async def come(browser: Visitor, connection: dict[str, Any], said: str, **fields: str) -> httpx2.Response:
    """Where that leads in the end."""
    told = await post(browser, connection, said, **fields)
    if told.status_code != 303:
        return told
    place = told.headers["location"]
    assert place == connection["saml"]["acsPath"].removesuffix("acs") + "enter"
    return await browser.get(place, sec_fetch_site="cross-site")


def is_out(browser: Visitor, refused: httpx2.Response) -> bool:
    return (refused.status_code, "harka" in browser.cookies) == (401, False)
