from uuid import uuid4

import pytest

from harka import clock
from harka.auth import oidc
from harka.auth.oidc import Client, Names, Provider

CLIENT = Client(uuid4(), "https://login.example.com", "harka", "a secret of ours", private=False)


def test_a_secret_is_not_shown() -> None:
    assert "a secret of ours" not in repr(CLIENT)
    flow = oidc.begin(uuid4(), 1, "/")
    assert flow.verifier not in repr(flow)


def test_a_flow_is_of_its_own_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    flows = [oidc.begin(uuid4(), 1, "/") for _ in range(2)]
    assert len({text for flow in flows for text in (flow.state, flow.nonce, flow.verifier)}) == 6
    assert not oidc.is_over(flows[0])
    monkeypatch.setattr(oidc, "_OLDEST", -1)
    assert oidc.is_over(flows[0])


def test_an_address_that_has_a_question_keeps_it() -> None:
    provider = Provider(
        CLIENT.issuer, "https://login.example.com/a?b=c", "https://x.example", "https://x.example"
    )
    address = oidc.address(provider, CLIENT, oidc.begin(uuid4(), 1, "/"), "https://t.example/callback")
    assert address.startswith("https://login.example.com/a?b=c&response_type=code&")
    assert "code_challenge_method=S256" in address


def token(**more: object) -> dict[str, object]:
    now = clock.now().timestamp()
    return {
        "iss": CLIENT.issuer,
        "aud": "harka",
        "sub": "s",
        "exp": now + 9,
        "iat": now,
        "nonce": "n",
        **more,
    }


@pytest.mark.parametrize("verified", [True, "true", False, "false"])
def test_only_a_verified_address_is_told(verified: object) -> None:
    said = token(email="a@example.com", email_verified=verified, r="MANAGER")
    told = oidc.accept_claims(said, CLIENT, "n", Names(role="r"))
    assert told.email == ("a@example.com" if verified in {True, "true"} else None)
    assert told.roles == ["manager"]


@pytest.mark.parametrize(
    ("said", "email"),
    [
        ({"email": "a@example.com"}, "a@example.com"),
        ({"email": "a@example.com", "email_verified": True}, "a@example.com"),
        ({"email": "a@example.com", "email_verified": False}, None),
        ({"email": 7}, None),
        ({}, None),
    ],
    ids=["silent", "verified", "not", "no-text", "nothing"],
)
def test_an_address_that_is_named_is_believed_unless_the_provider_says_otherwise(
    said: dict[str, object], email: str | None
) -> None:
    assert oidc.accept_claims(token(**said), CLIENT, "n", Names(email="email")).email == email


def test_what_is_said_of_one_address_is_not_said_of_another() -> None:
    said = token(upn="ann@corp.example", email="a@example.com", email_verified=False)
    assert oidc.accept_claims(said, CLIENT, "n", Names(email="upn")).email == "ann@corp.example"
    # the token tells an address and not that it is verified; what else is told is about another
    told = {"email": "b@example.com", "email_verified": True}
    assert oidc.accept_claims(token(email="a@example.com"), CLIENT, "n", Names(), told).email is None
    assert oidc.accept_claims(token(), CLIENT, "n", Names(), told).email == "b@example.com"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("realm_access.roles", ["a"]),
        ("resource_access.my.client.roles", ["b"]),
        ("https://example.com/roles", ["c"]),
        ("x.y", "whole"),
        ("realm_access.roles.a", None),
        ("realm_access.", None),
        (".roles", None),
        ("nothing.at.all", None),
        ("x", {"y": "inside"}),
    ],
    ids=str,
)
def test_a_claim_lies_where_its_name_says(name: str, found: object) -> None:
    said = {
        "realm_access": {"roles": ["a"]},
        "resource_access": {"my": {"client": 1}, "my.client": {"roles": ["b"]}},
        "https://example.com/roles": ["c"],
        "x.y": "whole",
        "x": {"y": "inside"},
    }
    assert oidc.claim(said, name) == found
