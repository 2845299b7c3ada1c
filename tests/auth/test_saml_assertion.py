from datetime import UTC, datetime

import pytest

from harka import clock
from harka.auth.saml_assertion import OLDEST, Wanted, accept_assertion, accept_response
from harka.auth.saml_xml import RefusedXmlError, read
from saml_idp import ACS, EMAIL_FORMAT, ISSUER, PEER, around, at, said

WANTED = Wanted(ISSUER, PEER.entity_id, ACS)


@pytest.mark.parametrize("digits", ["", ".1", ".123", ".1234567"])
@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_times_are_read_as_providers_write_them(digits: str, zone: str) -> None:
    now = f"{clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%S}{digits}{zone}"
    told = accept_assertion(read(said(issued=now).xml().encode()).root, WANTED)
    began = datetime.fromisoformat(now[:19]).replace(tzinfo=UTC).timestamp()
    assert told.until - OLDEST - 60 == pytest.approx(began, abs=1.0)


def test_who_it_is_and_what_is_told_of_them() -> None:
    one = said(name_id="a@b.example", format=EMAIL_FORMAT, attributes={"Groups": ["x", "", "y"]})
    told = accept_assertion(read(one.xml().encode()).root, WANTED)
    assert (told.subject, told.is_email, told.in_response_to) == ("a@b.example", True, "_q")
    assert told.attributes == {"groups": ["x", "y"]}


def test_a_session_that_is_over_there_is_none_here() -> None:
    text = said().xml().replace("AuthnInstant=", f'SessionNotOnOrAfter="{at(-70)}" AuthnInstant=')
    with pytest.raises(RefusedXmlError, match="session"):
        accept_assertion(read(text.encode()).root, WANTED)


def test_one_confirmation_that_holds_is_enough() -> None:
    text = said().xml()
    holding = text[text.index("<saml:SubjectConfirmation ") : text.index("</saml:Subject>")]
    both = text.replace(holding, holding.replace(ACS, "https://elsewhere.example") + holding)
    assert accept_assertion(read(both.encode()).root, WANTED).in_response_to == "_q"


def test_a_response_may_say_nothing_of_itself() -> None:
    text = around("", destination=None, in_response_to=None)
    assert accept_response(read(text.encode()).root, WANTED).in_response_to is None
