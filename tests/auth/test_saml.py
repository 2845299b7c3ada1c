"""What a provider's answer means when it is as it should be."""

from collections.abc import Iterator

import msgspec
import pytest

from harka.auth.saml import Assertions
from saml_idp import (
    ACS,
    ISSUER,
    KEY,
    OWN,
    PEER,
    PROGRAM,
    Signing,
    around,
    encrypted,
    needs_xmlsec1,
    new_key,
    posted,
    said,
    signed,
)


@pytest.fixture(scope="module")
def assertions() -> Iterator[Assertions]:
    made = Assertions(PROGRAM)
    yield made
    made.close()


WAYS = {
    "assertion": lambda key, one: around(signed(one.xml(), key)),
    "response": lambda key, one: signed(around(one.xml()), key),
    "both": lambda key, one: signed(around(signed(one.xml(), key)), key),
    "encrypted": lambda key, one: around(encrypted(signed(one.xml(), key), OWN.certificate)),
    "encrypted in what is signed": lambda key, one: signed(
        around(encrypted(one.xml(), OWN.certificate)), key
    ),
}


@needs_xmlsec1
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_what_is_signed_is_believed(assertions: Assertions, way: str, kind: str) -> None:
    key = new_key(curve=True) if kind == "ecdsa" else KEY
    peer = msgspec.structs.replace(PEER, certificates=new_key().certificate + key.certificate)
    attributes = {"mail": ["ann@example.com"], "displayName": ["Ann &amp; Co"], "Groups": ["A", "b"]}
    one = said(attributes=attributes, name_id="an<!-- a comment -->n")
    told = await assertions.answer(peer, posted(WAYS[way](key, one)), ACS)
    assert told.identity.subject == "ann"
    assert (told.identity.issuer, told.identity.email) == (ISSUER, "ann@example.com")
    assert (told.identity.name, told.identity.roles) == ("Ann & Co", ["a", "b"])
    assert (told.in_response_to, told.id) == ("_q", one.id)


@needs_xmlsec1
async def test_groups_that_are_told_elsewhere_are_not_none(assertions: Assertions) -> None:
    """As Entra does where somebody has more than 150."""
    link = {"http://schemas.microsoft.com/claims/groups.link": ["https://graph.example/groups"]}
    for attributes, roles in ((link, None), ({}, []), ({**link, "Groups": ["A"]}, ["a"])):
        one = said(attributes=attributes)
        told = await assertions.answer(PEER, posted(WAYS["assertion"](KEY, one)), ACS)
        assert told.identity.roles == roles
        assert bool(told.identity.untold) == (roles is None)


@needs_xmlsec1
async def test_a_namespace_that_only_a_type_uses_is_signed_too(assertions: Assertions) -> None:
    """As Okta and Shibboleth write attributes."""
    xml = said(attributes={"mail": ["ann@example.com"]}).xml()
    xml = xml.replace(' ID="', ' xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="', 1)
    typed = '<saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">'
    xml = xml.replace("<saml:AttributeValue>", typed)
    sent = around(signed(xml, Signing(KEY, inclusive="xs")))
    told = await assertions.answer(PEER, posted(sent), ACS)
    assert told.identity.email == "ann@example.com"
