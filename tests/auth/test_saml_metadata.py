from datetime import timedelta

import pytest

from harka import clock
from harka.auth.saml_metadata import (
    MOST_CERTIFICATES,
    accept_certificates,
    certificates_of,
    describe,
    ends_at,
    new_key_pair,
    own_metadata,
)
from harka.errors import ValidationError
from saml_idp import ISSUER, KEY, PEER, metadata, new_key


def test_a_provider_is_described_by_its_metadata() -> None:
    second = new_key(curve=True)
    shown = metadata(keys=(KEY, second, KEY)).replace('use="signing"', "", 1)
    found = describe(shown.encode(), "metadata")
    assert (found.issuer, found.sso_url) == (ISSUER, PEER.sso_url)
    assert found.certificates == KEY.certificate + second.certificate


ENCRYPTING = 'use="encryption"'


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (metadata().replace("IDPSSODescriptor", "SPSSODescriptor"), "0 identity providers"),
        (f"<x>{metadata() * 2}</x>".replace('<?xml version="1.0"?>', ""), "2 identity providers"),
        (metadata().replace("HTTP-Redirect", "SOAP"), "HTTP-Redirect"),
        (metadata().replace('use="signing"', ENCRYPTING), "certificates in PEM"),
        (metadata(keys=()), "certificates in PEM"),
        (metadata(keys=[new_key(bits=1024)]), "2048"),
        (metadata(keys=[new_key(days=-1)]), "expired"),
        (metadata().replace("MII", "AAA"), "cannot be read"),
        (metadata().replace("SAML:2.0:protocol", "SAML:1.1:protocol"), "0 identity providers"),
        ("<!DOCTYPE x>" + metadata(), "DOCTYPE"),
        ("{}", "no XML"),
    ],
    ids=range(11),
)
def test_what_describes_no_provider_is_refused(shown: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        describe(shown.encode(), "metadata")
    assert refused.value.field == "metadata"


def test_certificates_are_some_and_strong() -> None:
    weak, over = new_key(bits=1024), new_key(days=-1)
    for text in ("", "x", KEY.certificate * (MOST_CERTIFICATES + 1), weak.certificate, over.certificate):
        with pytest.raises(ValidationError):
            accept_certificates(text, "certificates")
    both = over.certificate + KEY.certificate
    assert accept_certificates(f"a comment\n{both}", "certificates") == both
    assert ends_at(certificates_of(both)) > clock.now()


def test_ours_tell_of_a_key_that_lasts() -> None:
    pair = new_key_pair("x" * 100)
    assert "PRIVATE" not in repr(pair)
    (certificate,) = certificates_of(pair.certificate)
    assert certificate.not_valid_after_utc > clock.now() + timedelta(days=3600)
    shown = own_metadata('urn:x"<', pair.certificate, "https://school.example/acs?a&b")
    assert 'entityID="urn:x&quot;&lt;"' in shown
    assert 'Location="https://school.example/acs?a&amp;b"' in shown
    assert "PRIVATE" not in shown
    assert (shown.count('use="signing"'), shown.count('use="encryption"')) == (1, 1)
    both = own_metadata("urn:x", pair.certificate + KEY.certificate, "https://school.example/acs")
    assert (both.count('use="signing"'), both.count('use="encryption"')) == (2, 2)
