from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import (
    BadRequestError,
    HarkaError,
    TenantMismatchError,
    TenantSuspendedError,
    UnavailableError,
    UnknownTenantError,
)
from harka.tenancy.resolution import Headers, agree, signals
from harka.tenancy.snapshot import Snapshot
from tenancy.samples import PLATFORM, record, snapshot

ACME = record("acme", number=1, domains=("learn.acme.com",))
GLOBEX = record("globex", number=2)
CLOSED = record("closed", number=3, status="suspended")
SEEN = snapshot(ACME, GLOBEX, CLOSED)


def headers(host: str, **more: str) -> Headers:
    return [(b"host", host.encode())] + [
        (name.replace("_", "-").encode(), value.encode()) for name, value in more.items()
    ]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (f"acme.{PLATFORM}", ACME),
        (f"ACME.{PLATFORM}:8000", ACME),
        (f"acme.{PLATFORM}.", ACME),
        ("learn.acme.com", ACME),
        (f"globex.{PLATFORM}", GLOBEX),
    ],
)
def test_a_host_names_its_organization(host: str, expected: object) -> None:
    found = signals(SEEN, headers(host), trusted=False).host
    assert SEEN.records[found or UUID(int=0)] is expected


@pytest.mark.parametrize("host", [PLATFORM, "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_a_neutral_host_names_nobody(host: str) -> None:
    assert signals(SEEN, headers(host), trusted=False).host is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        f"nobody.{PLATFORM}",
        f"acme.{PLATFORM}.evil.com",
        f"admin.{PLATFORM}",
        f"a.acme.{PLATFORM}",
    ],
)
def test_an_unknown_host_is_nobodys_even_with_credentials(host: str) -> None:
    with pytest.raises(UnknownTenantError):
        signals(SEEN, headers(host, x_api_key="hk_x", authorization="Bearer x"), trusted=False)


@pytest.mark.parametrize(
    "said",
    [
        [],
        [(b"host", b"acme.harka.localhost"), (b"host", b"globex.harka.localhost")],
        [(b"host", b"ac me")],
        [(b"host", b"acme.harka.localhost"), (b"x-api-key", b"a"), (b"x-api-key", b"b")],
        [(b"host", b"acme.harka.localhost"), (b"authorization", b"Basic eDp5")],
    ],
)
def test_malformed_headers_are_a_bad_request(said: Headers) -> None:
    with pytest.raises(BadRequestError):
        signals(SEEN, said, trusted=False)


def test_a_forwarded_host_counts_only_from_a_trusted_proxy() -> None:
    said = headers(f"globex.{PLATFORM}", x_forwarded_host=f"acme.{PLATFORM}")
    assert signals(SEEN, said, trusted=False).host == GLOBEX.organization.id
    assert signals(SEEN, said, trusted=True).host == ACME.organization.id


def test_the_credentials_are_handed_on_as_they_came() -> None:
    said = headers(PLATFORM, x_api_key="hk_abc", authorization="Bearer abc.def", cookie="harka=s1; other=2")
    found = signals(SEEN, said, trusted=False)
    assert (found.api_key, found.bearer, found.session) == (b"hk_abc", b"abc.def", b"s1")


def test_nobody_is_unknown_before_the_catalog_was_read() -> None:
    with pytest.raises(UnavailableError):
        signals(Snapshot.empty(PLATFORM), headers(f"acme.{PLATFORM}"), trusted=False)


def test_a_suspended_organization_is_told_so_last() -> None:
    acme, closed = ACME.organization.id, CLOSED.organization.id
    with pytest.raises(TenantSuspendedError):
        agree(SEEN, closed)
    with pytest.raises(TenantMismatchError):
        agree(SEEN, closed, acme)


def test_no_signal_at_all_is_an_unknown_tenant() -> None:
    with pytest.raises(UnknownTenantError):
        agree(SEEN, None, None, None)


def test_a_tenant_the_snapshot_does_not_know_is_unknown() -> None:
    with pytest.raises(UnknownTenantError):
        agree(SEEN, None, UUID(int=7), None)


def test_every_mismatch_looks_the_same() -> None:
    acme, globex, closed = ACME.organization.id, GLOBEX.organization.id, CLOSED.organization.id
    seen = set()
    for named in [(acme, globex, None), (None, acme, globex), (closed, None, acme), (acme, closed, globex)]:
        with pytest.raises(TenantMismatchError) as caught:
            agree(SEEN, *named)
        seen.add((caught.value.status, caught.value.message, str(caught.value.extensions())))
    assert len(seen) == 1


_TENANTS = st.sampled_from([None, UUID(int=9), *(each.organization.id for each in (ACME, GLOBEX, CLOSED))])


@given(st.lists(_TENANTS, max_size=4))
def test_agreement_never_yields_a_tenant_that_some_signal_does_not_name(named: list[UUID | None]) -> None:
    present = {each for each in named if each is not None}
    try:
        found = agree(SEEN, *named)
    except HarkaError:
        assert len(present) != 1 or present <= {CLOSED.organization.id, UUID(int=9)}
    else:
        assert present == {found.id}
        assert found.status == "active"
