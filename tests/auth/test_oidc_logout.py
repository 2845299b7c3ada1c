"""What ends sessions is a token of its own kind: of this issuer, for us, now, with the event."""

from typing import Any

import pytest

from harka import clock
from harka.auth.oidc import Client
from harka.auth.oidc_logout import EVENT, Logout, accept_logout
from harka.errors import SsoRefusedError
from harka.ids import new_id

CLIENT = Client(new_id(), "https://idp.example", "harka", "", private=False)
NO = "(absent)"


def told(**changes: Any) -> dict[str, Any]:
    now = clock.now().timestamp()
    claims = {
        "iss": CLIENT.issuer,
        "aud": CLIENT.client_id,
        "iat": now,
        "exp": now + 120,
        "jti": "t-1",
        "events": {EVENT: {}},
        "sub": "s-1",
        "sid": "p-1",
    } | changes
    return {name: value for name, value in claims.items() if value is not NO}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["another", "harka"]},
        {"sub": NO},
        {"sid": NO},
        {"events": {EVENT: {}, "https://x.example": {}}},
    ],
    ids=str,
)
def test_an_honest_one_names_whom_it_ends(changes: dict[str, Any]) -> None:
    given = told(**changes)
    assert accept_logout(given, CLIENT) == Logout("t-1", given.get("sub"), given.get("sid"))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": NO},
        {"aud": "another"},
        {"aud": []},
        {"aud": NO},
        {"nonce": "n"},
        {"nonce": None},
        {"events": NO},
        {"events": {}},
        {"events": {EVENT: None}},
        {"events": {EVENT: []}},
        {"events": [EVENT]},
        {"events": {"https://x.example": {}}},
        {"exp": 1},
        {"exp": NO},
        {"iat": 1},
        {"iat": NO},
        {"iat": 4_000_000_000},
        {"jti": ""},
        {"jti": "x" * 256},
        {"jti": NO},
        {"sub": NO, "sid": NO},
        {"sub": ""},
        {"sub": "a\0b"},
        {"sid": "x" * 256},
        {"sid": ""},
        {"sub": 7},
    ],
    ids=str,
)
def test_nothing_else_ends_anything(changes: dict[str, Any]) -> None:
    with pytest.raises(SsoRefusedError) as refused:
        accept_logout(told(**changes), CLIENT)
    assert refused.value.outcome == "logout_refused"
