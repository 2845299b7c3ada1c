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


@pytest.mark.parametrize(
    ("emails", "email"),
    [
        (["a@example.com", "b@example.com"], "a@example.com"),
        ([7, "b@example.com"], "b@example.com"),
        ([], None),
    ],
    ids=["two", "number", "none"],
)
def test_of_several_addresses_it_is_the_first(emails: list[object], email: str | None) -> None:
    """As Azure AD B2C tells them."""
    assert oidc.accept_claims(token(emails=emails), CLIENT, "n", Names(email="emails")).email == email
    assert oidc.accept_claims(token(email=emails, email_verified=True), CLIENT, "n", Names()).email is None


@pytest.mark.parametrize(
    ("said", "name", "roles"),
    [
        ({}, "groups", []),
        ({"groups": []}, "groups", []),
        ({"_claim_names": {"groups": "src1"}}, "groups", None),
        ({"_claim_names": {"realm_access": "src1"}}, "realm_access.roles", None),
        ({"_claim_names": {"group": "src1"}}, "groups", []),
        ({"_claim_names": {"groups": "src1"}}, "roles", []),
        ({"_claim_names": {"groups": "src1"}, "groups": ["A"]}, "groups", ["a"]),
        ({"_claim_names": "groups"}, "groups", []),
        ({"hasgroups": True}, "groups", None),
        ({"hasgroups": True}, "roles", []),
        ({"hasgroups": []}, "groups", []),
    ],
    ids=str,
)
def test_roles_that_are_told_elsewhere_are_not_none(
    said: dict[str, object], name: str, roles: list[str] | None
) -> None:
    told = oidc.accept_claims(token(**said), CLIENT, "n", Names(role=name))
    assert told.roles == roles
    assert bool(told.untold) == (roles is None)


def test_roles_are_not_none_where_the_provider_did_not_answer() -> None:
    told = oidc.accept_claims(token(), CLIENT, "n", Names(role="r"), untold="Away.")
    assert (told.roles, told.untold) == (None, "Away.")
    assert oidc.accept_claims(token(r="a"), CLIENT, "n", Names(role="r"), untold="Away.").roles == ["a"]
    assert oidc.accept_claims(token(), CLIENT, "n", Names(), untold="Away.").roles == []


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
