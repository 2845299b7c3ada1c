"""What may be said of a SAML provider, through GraphQL, and where its metadata are read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harka.learning.sso_saml import SamlDraft
from saml_idp import ISSUER, KEY, PEER, metadata, needs_xmlsec1, new_key
from school import School, school
from sso_school import TEST

__all__ = ["school"]

pytestmark = needs_xmlsec1
CREATE = """mutation ($input: CreateSsoConnectionInput!) { createSsoConnection(input: $input) {
  errors { code field message } ssoConnection { id issuer clientId emailClaim nameClaim saml {
    ssoUrl metadataUrl emailAttribute nameAttribute certificates { pem } } } } }"""
READ = "query ($id: ID!) { node(id: $id) { ... on SsoConnection { version saml { certificates { pem } } } } }"
BY_HAND = {"ssoUrl": PEER.sso_url, "certificates": KEY.certificate}


@contextmanager
def showing(pages: dict[str, str]) -> Iterator[str]:
    """The address of a server of these pages."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


async def create(school: School, **given: Any) -> Any:
    return await school.ask(CREATE, {"input": {"name": "X", **given}})


async def test_one_is_described_by_hand_too(school: School) -> None:
    reply = await create(
        school,
        issuer=ISSUER,
        clientId="urn:known:there",
        emailClaim="urn:mail",
        saml={**BY_HAND, "nameAttribute": "cn"},
    )
    made = reply.data["createSsoConnection"]["ssoConnection"]
    assert (made["issuer"], made["clientId"]) == (ISSUER, "urn:known:there")
    assert made["saml"] == {
        "ssoUrl": PEER.sso_url,
        "metadataUrl": None,
        "emailAttribute": "urn:mail",
        "nameAttribute": "cn",
        "certificates": [{"pem": KEY.certificate}],
    }
    # the same, whichever way it is said
    assert (made["emailClaim"], made["nameClaim"]) == ("urn:mail", "cn")


async def test_metadata_are_read_where_they_are_and_again_with_every_test(school: School) -> None:
    pages, following = {"/metadata": metadata() + " " * 100_000}, new_key()
    with showing(pages) as address:
        reply = await create(school, saml={"metadataUrl": f"{address}/metadata"})
        made = reply.data["createSsoConnection"]["ssoConnection"]
        assert (made["issuer"], made["clientId"][:10]) == (ISSUER, "urn:harka:")
        pages["/metadata"] = metadata(keys=(KEY, following))
        assert (await school.ask(TEST, {"id": made["id"]})).data["testSsoConnection"]["errors"] == []
        read = (await school.ask(READ, {"id": made["id"]})).data["node"]
        assert [each["pem"] for each in read["saml"]["certificates"]] == [
            KEY.certificate,
            following.certificate,
        ]
        for wrong in (metadata("https://evil.example"), "no xml"):
            pages["/metadata"] = wrong
            assert (await school.ask(TEST, {"id": made["id"]})).code == "VALIDATION_FAILED"
        assert (await create(school, saml={"metadataUrl": f"{address}/nothing"})).field == "metadataUrl"
    assert (await create(school, saml={"metadataUrl": f"{address}/metadata"})).field == "metadataUrl"


async def test_metadata_are_not_read_within_somebodys_network(school: School) -> None:
    with showing({"/metadata": metadata()}) as address:
        public = school.with_settings(outbound_private=False)
        for url in (f"{address}/metadata", "https://127.0.0.1/metadata", "file:///etc/hostname"):
            assert (await create(public, saml={"metadataUrl": url})).field == "metadataUrl"
    told = metadata(sso_url="http://idp.example/sso")
    assert (await create(public, saml={"metadata": told})).field == "metadata"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"saml": {}}, "issuer"),
        ({"issuer": ISSUER, "saml": {"certificates": KEY.certificate}}, "ssoUrl"),
        ({"issuer": ISSUER, "saml": {"ssoUrl": PEER.sso_url}}, "certificates"),
        ({"issuer": ISSUER, "saml": {**BY_HAND, "certificates": "x"}}, "certificates"),
        ({"issuer": ISSUER, "saml": {**BY_HAND, "ssoUrl": "javascript:x"}}, "ssoUrl"),
        ({"issuer": "https://another.example", "saml": {"metadata": metadata()}}, "metadata"),
        ({"saml": {"metadata": "<x/>"}}, "metadata"),
        ({"saml": {"metadata": metadata(), "metadataUrl": "https://idp.example/"}}, "metadataUrl"),
        ({"saml": {"metadata": metadata(), "emailAttribute": ""}}, "emailAttribute"),
        ({"nameClaim": "x", "saml": {"metadata": metadata(), "nameAttribute": "y"}}, "nameClaim"),
        ({"clientSecret": "x", "saml": {"metadata": metadata()}}, "clientSecret"),
        ({"saml": {"metadata": metadata()}, "directory": {"baseDn": "dc=x"}}, "saml"),
        ({"issuer": "https://x.example", "clientId": "x"}, "clientSecret"),
    ],
    ids=range(13),
)
async def test_what_is_no_provider_is_refused(school: School, given: dict[str, Any], field: str) -> None:
    reply = await create(school, **given)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)


async def test_another_kind_does_not_learn_to_speak_it(school: School) -> None:
    reply = await create(school, issuer="https://x.example", clientId="x", clientSecret="s")
    made = reply.data["createSsoConnection"]["ssoConnection"]
    assert made["saml"] is None
    update = (
        "mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) "
        "{ errors { code field } } }"
    )
    given = {"id": made["id"], "version": 1, "saml": BY_HAND}
    assert (await school.ask(update, {"input": given})).field == "saml"


async def test_a_certificate_that_ends_soon_is_told_of_those_that_are_offered(school: School) -> None:
    asked = "{ analytics { health { issues { code severity measured limit objectIds } } } }"
    ending = metadata(keys=(new_key(days=5.5), new_key(days=-1)))
    made = (await create(school, saml={"metadata": ending})).data["createSsoConnection"]["ssoConnection"]
    assert (await school.ask(asked)).data["analytics"]["health"]["issues"] == []
    assert (await school.ask(TEST, {"id": made["id"]})).data["testSsoConnection"]["errors"] == []
    (issue,) = (await school.ask(asked)).data["analytics"]["health"]["issues"]
    assert 5 < issue.pop("measured") < 5.5
    told = {"code": "SSO_CERTIFICATE_EXPIRING", "severity": "CRITICAL", "limit": 7, "objectIds": [made["id"]]}
    assert issue == told
    # the next one is there
    version = (await school.ask(READ, {"id": made["id"]})).data["node"]["version"]
    update = (
        "mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) "
        "{ errors { code } ssoConnection { state } } }"
    )
    pem = [each["pem"] for each in made["saml"]["certificates"]]
    given = {"certificates": "".join([*pem, KEY.certificate])}
    reply = await school.ask(update, {"input": {"id": made["id"], "version": version, "saml": given}})
    assert reply.data["updateSsoConnection"] == {"errors": [], "ssoConnection": {"state": "TESTED"}}
    assert (await school.ask(asked)).data["analytics"]["health"]["issues"] == []


def test_nothing_of_it_is_written_to_a_log() -> None:
    assert KEY.certificate not in repr(SamlDraft(certificates=KEY.certificate))
    assert "PRIVATE" not in repr(PEER)
