"""What browsers are asked for, and what their answers prove."""

import sys
from subprocess import run
from typing import Any

import pytest

from authenticator import PRESENT, Authenticator
from harka.auth.passkey import (
    PasskeyError,
    Person,
    Place,
    creation_options,
    named,
    proved,
    registered,
    request_options,
)

PLACE = Place("acme.example", "https://acme.example")
CHALLENGE = bytes(range(32))
ADA = Person(b"ada", "ada@acme.example", "Ada")


def device(**values: Any) -> Authenticator:
    return Authenticator(**{"origin": PLACE.origin, **values})


def made_by(of: Authenticator) -> Any:
    options = creation_options(PLACE, "Acme", ADA, CHALLENGE, [])
    return registered(of.create(options), CHALLENGE, PLACE)


def test_what_was_made_proves_itself_as_often_as_it_is_used() -> None:
    of = device()
    made = made_by(of)
    assert (made.credential_id, made.sign_count, made.is_synced) == (of.id, 0, False)
    for count in (1, 2):
        shown = of.get(request_options(PLACE, CHALLENGE))
        assert named(shown) == (of.id, b"ada")
        assert proved(shown, CHALLENGE, PLACE, made.public_key) == count


def test_a_finger_is_asked_for_and_nobody_is_named() -> None:
    made, asked = creation_options(PLACE, "Acme", ADA, CHALLENGE, [b"x"]), request_options(PLACE, CHALLENGE)
    assert made["authenticatorSelection"]["userVerification"] == asked["userVerification"] == "required"
    assert (made["attestation"], asked["allowCredentials"]) == ("none", [])
    assert [each["id"] for each in made["excludeCredentials"]] == ["eA"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"challenge": bytes(32)},
        {"place": Place("acme.example", "https://evil.example")},
        {"place": Place("other.example", PLACE.origin)},
        {"key": device()},
    ],
    ids=["challenge", "origin", "host", "key"],
)
def test_what_proves_something_else_proves_nothing(wrong: dict[str, Any]) -> None:
    of = device()
    made = made_by(of)
    key = made_by(wrong["key"]).public_key if "key" in wrong else made.public_key
    shown = of.get(request_options(PLACE, CHALLENGE))
    with pytest.raises(PasskeyError):
        proved(shown, wrong.get("challenge", CHALLENGE), wrong.get("place", PLACE), key)


def test_without_a_finger_nothing_is_proved() -> None:
    of = device()
    made = made_by(of)
    of.flags = PRESENT
    with pytest.raises(PasskeyError):
        proved(of.get(request_options(PLACE, CHALLENGE)), CHALLENGE, PLACE, made.public_key)
    with pytest.raises(PasskeyError):
        made_by(device(flags=PRESENT))


@pytest.mark.parametrize(
    "rubbish",
    [
        {},
        {"rawId": 7},
        {"rawId": "a", "response": {}},
        {"id": "x", "rawId": "eA", "type": "public-key", "response": {"userHandle": "ü"}},
        {"id": "eA", "rawId": "eA", "type": "public-key", "response": {"clientDataJSON": "eA"}},
        {
            "id": "eA",
            "rawId": "eA",
            "type": "x",
            "response": {"attestationObject": "o2NmbXQ", "clientDataJSON": ""},
        },
    ],
    ids=str,
)
def test_rubbish_proves_nothing(rubbish: dict[str, Any]) -> None:
    with pytest.raises(PasskeyError):
        registered(rubbish, CHALLENGE, PLACE)
    with pytest.raises(PasskeyError):
        proved(rubbish, CHALLENGE, PLACE, b"\xa0")
    try:
        named(rubbish)
    except PasskeyError:
        return
    assert rubbish["rawId"] == "eA"


def test_a_process_does_without_the_library_until_somebody_comes() -> None:
    script = "import sys, harka.web.routes; print('webauthn' in sys.modules, 'OpenSSL' in sys.modules)"
    told = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
