from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from harka import clock
from harka.auth import scim_token
from harka.errors import (
    FeatureNotInPlanError,
    TenantMismatchError,
    TenantSuspendedError,
    UnauthenticatedError,
)
from harka.ids import new_id
from harka.repositories.organization import Organization
from harka.repositories.scim_token import ScimToken
from harka.tenancy.context import ActorKind
from harka.tenancy.directory import Snapshot
from harka.tenancy.permission import Permission
from harka.tenancy.resolution import Signals
from harka.tenancy.snapshot import TenantRecord
from tenancy.fixtures import new_slug
from tenancy.samples import organization

TEXT = scim_token.new_text()


def token_of(tenant: UUID, **more: object) -> ScimToken:
    made = ScimToken(
        id=new_id(),
        tenant_id=tenant,
        prefix=scim_token.prefix_of(TEXT),
        hash=scim_token.hashed(TEXT),
        name="Directory",
        permissions=["user:read", "user:write", "no-longer:known"],
        created_by=None,
        created_at=clock.now(),
        expires_at=None,
        revoked_at=None,
        updated_at=clock.now(),
        version=1,
    )
    return msgspec.structs.replace(made, **more)


def snapshot_of(owner: Organization, token: ScimToken, *others: Organization) -> Snapshot:
    records = [TenantRecord(organization=owner, scim_tokens=(token,))]
    records += [TenantRecord(organization=other) for other in others]
    return Snapshot.of("harka.localhost", records)


def shown(text: str = TEXT, host: UUID | None = None, **more: bytes) -> Signals:
    return Signals(host, bearer=text.encode(), **more)


@pytest.fixture
def owner() -> Organization:
    return organization(new_slug(), plan="ENTERPRISE")


def test_it_lets_a_directory_in_with_what_its_maker_could(owner: Organization) -> None:
    token = token_of(owner.id)
    found, context = scim_token.authenticate(snapshot_of(owner, token), shown(host=owner.id), clock.now())
    assert (found, context.organization) == (token, owner)
    assert (context.actor.kind, context.actor.id, context.user) == (ActorKind.SCIM, token.id, None)
    assert context.permissions == {Permission.USER_READ, Permission.USER_WRITE}


def test_texts_differ_and_their_form_tells_them_from_keys_of_programs() -> None:
    assert scim_token.new_text() != TEXT
    assert TEXT.startswith("hs_")
    assert len(TEXT) == 59
    assert TEXT not in repr(token_of(new_id()))


@pytest.mark.parametrize(
    "signals",
    [
        Signals(None),
        shown(scim_token.new_text()),
        shown(TEXT[:-1]),
        shown(TEXT[:15] + "_" + "A" * 43),
        shown("hs_"),
        shown(""),
        shown(api_key=b"hk_x"),
        shown(session=b"hs_x"),
        Signals(None, api_key=TEXT.encode()),
    ],
)
def test_whatever_is_no_live_token_alone_is_nobody(owner: Organization, signals: Signals) -> None:
    with pytest.raises(UnauthenticatedError):
        scim_token.authenticate(snapshot_of(owner, token_of(owner.id)), signals, clock.now())


def test_one_that_is_over_is_nobody(owner: Organization) -> None:
    now = clock.now()
    for dead in ({"expires_at": now}, {"revoked_at": now - timedelta(days=1)}):
        with pytest.raises(UnauthenticatedError):
            scim_token.authenticate(snapshot_of(owner, token_of(owner.id, **dead)), shown(), now)
    lives = token_of(owner.id, expires_at=now + timedelta(seconds=1))
    assert scim_token.authenticate(snapshot_of(owner, lives), shown(), now)[0] == lives


def test_at_another_organizations_address_it_is_refused_once_it_is_known_to_be_right(
    owner: Organization,
) -> None:
    other = organization(new_slug(), plan="ENTERPRISE")
    snapshot = snapshot_of(owner, token_of(owner.id), other)
    with pytest.raises(TenantMismatchError):
        scim_token.authenticate(snapshot, shown(host=other.id), clock.now())
    with pytest.raises(UnauthenticatedError):
        scim_token.authenticate(snapshot, shown(scim_token.new_text(), host=other.id), clock.now())


def test_without_the_feature_or_suspended_nobody_comes_in(owner: Organization) -> None:
    for changed, error in (
        ({"plan": "STARTER"}, FeatureNotInPlanError),
        ({"status": "suspended"}, TenantSuspendedError),
    ):
        plain = msgspec.structs.replace(owner, **changed)
        with pytest.raises(error):
            scim_token.authenticate(snapshot_of(plain, token_of(plain.id)), shown(), clock.now())
