from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from harka import clock
from harka.errors import NotFoundError, TenantRequiredError
from harka.files.link import Link, Links, Purpose

LINKS = Links(bytes(range(32)))
LIFE = timedelta(seconds=600)


def sealed(tenant: UUID, links: Links = LINKS) -> str:
    expires = int((datetime.now(UTC) + LIFE).timestamp())
    return links.seal(tenant, Link(Purpose.READ, "a.csv", expires, "A.csv", "text/csv"))


def refused(tenant: UUID, token: str, purpose: Purpose = Purpose.READ) -> bool:
    try:
        LINKS.open(tenant, token, purpose)
    except NotFoundError:
        return True
    return False


def test_a_link_says_what_it_was_made_for() -> None:
    tenant = uuid4()
    link = LINKS.open(tenant, sealed(tenant), Purpose.READ)
    assert (link.path, link.name, link.media_type) == ("a.csv", "A.csv", "text/csv")


def test_another_tenant_purpose_or_secret_refuses_it() -> None:
    tenant = uuid4()
    assert refused(uuid4(), sealed(tenant))
    assert refused(tenant, sealed(tenant), Purpose.WRITE)
    assert refused(tenant, sealed(tenant, Links(bytes(32))))


def test_an_expired_link_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = uuid4()
    token = sealed(tenant)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + LIFE)
    assert refused(tenant, token)


def test_every_changed_character_of_a_link_is_noticed() -> None:
    tenant = uuid4()
    token = sealed(tenant)
    # the last character may hold bits that are none of the link's
    for position, character in enumerate(token[:-1]):
        forged = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
        assert refused(tenant, forged)


@pytest.mark.parametrize("garbage", ["", "a", "é", "====", "!" * 40, "A" * 10_000])
def test_garbage_is_no_link(garbage: str) -> None:
    assert refused(uuid4(), garbage)


def test_without_a_tenant_there_is_no_link() -> None:
    with pytest.raises(TenantRequiredError):
        sealed(None)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TenantRequiredError):
        LINKS.open(str(uuid4()), "x", Purpose.READ)  # type: ignore[arg-type]  # the mistake under test
