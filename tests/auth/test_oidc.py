from uuid import uuid4

import pytest

from harka import clock
from harka.auth import oidc
from harka.auth.oidc import Client, Provider

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


@pytest.mark.parametrize("verified", [True, "true", False, "false"])
def test_only_a_verified_address_is_told(verified: object) -> None:
    now = clock.now().timestamp()
    claims = {"iss": CLIENT.issuer, "aud": "harka", "sub": "s", "exp": now + 9, "iat": now, "nonce": "n"}
    told = oidc.accept_claims(
        {**claims, "email": "a@example.com", "email_verified": verified, "r": "MANAGER"}, CLIENT, "n", "r"
    )
    assert told.email == ("a@example.com" if verified in {True, "true"} else None)
    assert told.roles == ["manager"]
