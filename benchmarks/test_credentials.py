"""What it costs to know who shows a credential: `pytest benchmarks/test_credentials.py --benchmark-only`.

One round is 1,000 callers, so a time shown in ms is µs each. "remembered" is what nearly every request pays,
"verified" the first one. That a session is live, and its user active, is read in the statement that looks the
user up, and is not in here.
"""

from datetime import timedelta
from itertools import repeat
from typing import Final

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harka.auth import token
from harka.auth.principal import Authenticator
from harka.auth.session_token import new_browser_token
from harka.ids import new_id
from harka.tenancy.resolution import Signals
from tenancy.samples import KEYRING, NOW, SETTINGS, key_text, record, snapshot

CALLS: Final = 1000
ACME = record("acme", number=1)
SEEN = snapshot(ACME)
TENANT = ACME.organization.id
USER = new_id()


def shown(kind: str) -> Signals:
    if kind == "key":
        return Signals(TENANT, api_key=key_text(1))
    if kind == "jwt":
        signed = token.issue(
            ACME.signing_keys[0], KEYRING, SETTINGS, user=USER, lifetime=timedelta(hours=1), now=NOW
        )
        return Signals(TENANT, bearer=signed.encode())
    return Signals(TENANT, session=new_browser_token(KEYRING.session, TENANT, USER, new_id()).encode())


@pytest.mark.parametrize("way", ["remembered", "verified"])
@pytest.mark.parametrize("kind", ["key", "jwt", "cookie"])
def test_authenticate(benchmark: BenchmarkFixture, kind: str, way: str) -> None:
    benchmark.group = f"who shows a {kind}"
    signals, authenticator = shown(kind), Authenticator(SETTINGS)
    authenticate = authenticator.authenticate
    assert authenticate(SEEN, signals, NOW).organization is ACME.organization

    def remembered() -> None:
        for _ in repeat(None, CALLS):
            authenticate(SEEN, signals, NOW)

    def verified() -> None:
        for _ in repeat(None, CALLS):
            authenticator._verified(SEEN, signals, NOW, "")  # noqa: SLF001 - what is not remembered
            authenticator._tokens._known.forget()  # noqa: SLF001 - likewise

    benchmark(remembered if way == "remembered" else verified)
