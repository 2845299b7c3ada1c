import itertools
from datetime import timedelta

import msgspec
import pytest

from harka.auth import token
from harka.auth.permissions import permissions_of
from harka.auth.principal import Authenticator, Credential, context_of, load_context
from harka.auth.session_token import hashed, new_browser_token
from harka.errors import (
    FeatureNotInPlanError,
    HarkaError,
    TenantMismatchError,
    TenantSuspendedError,
    UnauthenticatedError,
    UnknownTenantError,
)
from harka.ids import new_id
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.session import Proof
from harka.repositories.user import User
from harka.storage.databases import Databases
from harka.storage.session import ShardSession, open_session
from harka.tenancy.context import Actor, ActorKind
from harka.tenancy.permission import EVERY_PERMISSION, Permission
from harka.tenancy.resolution import Headers, signals
from harka.tenancy.snapshot import Snapshot, TenantRecord
from tenancy.samples import KEYRING, NOW, PLATFORM, SETTINGS, key_text, record, snapshot

ACME = record("acme", number=1, domains=("learn.acme.com",))
GLOBEX = record("globex", number=2)
CLOSED = record("closed", number=3, status="suspended")
EVERYONE = (ACME, GLOBEX, CLOSED)
SEEN = snapshot(*EVERYONE)
USER, SESSION = new_id(), new_id()
AUTHENTICATOR = Authenticator(SETTINGS)


def bearer(who: TenantRecord) -> str:
    return token.issue(
        who.signing_keys[0], KEYRING, SETTINGS, user=USER, lifetime=timedelta(hours=1), now=NOW
    )


KEYS = {each.organization.slug: key_text(number).decode() for number, each in enumerate(EVERYONE, 1)}
TOKENS = {each.organization.slug: bearer(each) for each in EVERYONE}


def said(
    host: str | None, key: str | None = None, bearer: str | None = None, cookie: str | None = None
) -> Headers:
    """`host`, `key` and `bearer` are slugs; None: the neutral host, or nothing."""
    headers = [(b"host", (PLATFORM if host is None else f"{host}.{PLATFORM}").encode())]
    if key is not None:
        headers.append((b"x-api-key", KEYS.get(key, key).encode()))
    if bearer is not None:
        headers.append((b"authorization", f"Bearer {TOKENS.get(bearer, bearer)}".encode()))
    if cookie is not None:
        headers.append((b"cookie", f"harka={cookie}".encode()))
    return headers


async def entered(headers: Headers) -> Credential:
    """Twice: whoever is let in is remembered, and whoever is not is refused again."""
    seen = signals(SEEN, headers, trusted=False)
    try:
        first = AUTHENTICATOR.authenticate(SEEN, seen, NOW)
    except HarkaError as error:
        with pytest.raises(type(error)):
            AUTHENTICATOR.authenticate(SEEN, seen, NOW)
        raise
    assert AUTHENTICATOR.authenticate(SEEN, seen, NOW) == first
    return first


async def outcome(headers: Headers) -> tuple[object, ...]:
    """What a client can tell: the organization and actor, or the whole error."""
    try:
        found = await entered(headers)
    except HarkaError as error:
        return error.status, error.message, str(error.extensions())
    return found.organization.slug, found.actor.kind


def error(kind: type[HarkaError]) -> tuple[object, ...]:
    return kind.status, kind.default_message(), str({"code": kind.code})


async def test_an_api_key_acts_for_itself_within_its_scopes() -> None:
    found = await entered(said("acme", key="acme"))
    key = ACME.api_keys[0]
    assert found.actor == Actor(ActorKind.API_KEY, key.id, key.name)
    assert (found.user, found.scopes) == (None, frozenset({Permission.COURSE_READ}))


def test_without_access_by_key_a_key_is_refused_and_a_token_is_not() -> None:
    organization = msgspec.structs.replace(ACME.organization, features={"api_access": False})
    seen = snapshot(msgspec.structs.replace(ACME, organization=organization))
    authenticator = Authenticator(SETTINGS)
    for headers in (said("acme", key="acme"), said("acme", key="acme", bearer="acme")):
        with pytest.raises(FeatureNotInPlanError) as refused:
            authenticator.authenticate(seen, signals(seen, headers, trusted=False), NOW)
        assert refused.value.extensions() == {
            "code": "FEATURE_NOT_IN_PLAN",
            "feature": "apiAccess",
            "plan": None,
        }
    known = authenticator.authenticate(seen, signals(seen, said("acme", bearer="acme"), trusted=False), NOW)
    assert known.user == USER


async def test_a_token_acts_as_its_user() -> None:
    found = await entered(said("acme", bearer="acme"))
    assert (found.actor, found.user, found.scopes) == (Actor(ActorKind.USER, USER), USER, None)


async def test_a_key_beside_a_token_only_narrows_it() -> None:
    found = await entered(said("acme", key="acme", bearer="acme"))
    assert (found.actor.kind, found.user) == (ActorKind.USER, USER)
    assert found.scopes == frozenset({Permission.COURSE_READ})


async def test_the_key_that_was_shown_is_told_whoever_acts() -> None:
    key = ACME.api_keys[0].id
    for headers in (said("acme", key="acme"), said("acme", key="acme", bearer="acme")):
        assert (await entered(headers)).key == key
    for headers in (said("acme", bearer="acme"), said("acme")):
        assert (await entered(headers)).key is None


async def test_without_a_credential_the_caller_is_anonymous() -> None:
    found = await entered(said("acme"))
    assert (found.actor.kind, found.user, found.scopes) == (ActorKind.ANONYMOUS, None, None)


async def test_a_neutral_host_takes_the_credentials_tenant() -> None:
    assert await outcome(said(None, key="acme")) == ("acme", ActorKind.API_KEY)
    assert await outcome(said(None, bearer="globex")) == ("globex", ActorKind.USER)
    assert await outcome(said(None)) == error(UnknownTenantError)


async def test_a_scope_that_no_longer_exists_allows_nothing() -> None:
    key = msgspec.structs.replace(ACME.api_keys[0], scopes=["course:read", "course:fly"])
    seen = snapshot(msgspec.structs.replace(ACME, api_keys=(key,)))
    found = Authenticator(SETTINGS).authenticate(
        seen, signals(seen, said("acme", key="acme"), trusted=False), NOW
    )
    assert found.scopes == frozenset({Permission.COURSE_READ})


@pytest.mark.parametrize("bad", ["hk_000000000001_" + "x" * 43, "hk_zzzzzzzzzzzz_" + "s" * 43, "x"])
@pytest.mark.parametrize("host", ["acme", "globex", "closed", None])
async def test_a_bad_credential_says_the_same_at_every_host(bad: str, host: str | None) -> None:
    expected = error(UnauthenticatedError)
    assert await outcome(said(host, key=bad)) == expected
    assert await outcome(said(host, bearer=bad)) == expected
    assert await outcome(said(host, key="acme", bearer=bad)) == expected
    assert await outcome(said(host, key=bad, bearer="globex")) == expected


async def test_a_cookie_that_names_no_session_is_a_bad_credential() -> None:
    for headers in (said("acme", cookie="s"), said("acme", key="acme", cookie="s"), said(None, cookie="s")):
        assert await outcome(headers) == error(UnauthenticatedError)


async def test_a_session_acts_as_its_user_in_its_own_organization_alone() -> None:
    cookies = {
        each.organization.slug: new_browser_token(KEYRING.session, each.organization.id, USER, SESSION)
        for each in EVERYONE
    }
    cookie = cookies["acme"]
    found = await entered(said("acme", cookie=cookie))
    assert (found.actor, found.user, found.scopes) == (Actor(ActorKind.USER, USER), USER, None)
    assert found.session == Proof(SESSION, hashed(cookie.encode()))
    narrowed = await entered(said("acme", key="acme", cookie=cookie))
    assert (narrowed.user, narrowed.scopes) == (USER, frozenset({Permission.COURSE_READ}))
    assert (await entered(said("acme", bearer="acme", cookie=cookie))).session == found.session
    mismatch = error(TenantMismatchError)
    assert await outcome(said("globex", cookie=cookie)) == mismatch
    assert await outcome(said("acme", key="globex", cookie=cookie)) == mismatch
    assert await outcome(said("acme", bearer="globex", cookie=cookie)) == mismatch
    assert await outcome(said("closed", cookie=cookies["closed"])) == error(TenantSuspendedError)
    somebody = new_browser_token(KEYRING.session, ACME.organization.id, new_id(), SESSION)
    # a token and a cookie of two people
    assert await outcome(said("acme", bearer="acme", cookie=somebody)) == error(UnauthenticatedError)


async def test_a_suspended_organization_is_told_to_its_own_only() -> None:
    suspended = error(TenantSuspendedError)
    assert await outcome(said("closed")) == suspended
    assert await outcome(said(None, key="closed")) == suspended
    assert await outcome(said("closed", key="acme")) == error(TenantMismatchError)
    assert await outcome(said("acme", bearer="closed")) == error(TenantMismatchError)


@pytest.mark.parametrize(
    ("host", "key", "bearer"),
    list(itertools.product(["acme", "globex", None], ["acme", "globex", None], ["acme", "globex", None])),
)
async def test_signals_must_agree(host: str | None, key: str | None, bearer: str | None) -> None:
    named = {each for each in (host, key, bearer) if each is not None}
    found = await outcome(said(host, key, bearer))
    match sorted(named):
        case []:
            assert found == error(UnknownTenantError)
        case [slug]:
            assert found[0] == slug
        case _:
            assert found == error(TenantMismatchError)


def let_in(
    authenticator: Authenticator, seen: Snapshot, headers: Headers, *, after: timedelta = timedelta()
) -> bool:
    """Whether the credentials are taken at that time."""
    try:
        authenticator.authenticate(seen, signals(seen, headers, trusted=False), NOW + after)
    except UnauthenticatedError:
        return False
    return True


@pytest.mark.parametrize("shown", ["key", "bearer"])
def test_a_credential_that_is_revoked_stops_at_once_however_well_it_is_remembered(shown: str) -> None:
    authenticator, headers = Authenticator(SETTINGS), said("acme", **{shown: "acme"})
    assert let_in(authenticator, SEEN, headers)
    revoked = SEEN.updated(
        {ACME.organization.id: msgspec.structs.replace(ACME, api_keys=(), signing_keys=())}
    )
    assert not let_in(authenticator, revoked, headers)
    assert let_in(authenticator, revoked, said("globex", **{shown: "globex"}))


@pytest.mark.parametrize("shown", ["key", "bearer"])
def test_a_credential_that_expires_stops_at_once_however_well_it_is_remembered(shown: str) -> None:
    key = msgspec.structs.replace(ACME.api_keys[0], expires_at=NOW + timedelta(hours=1))
    seen = snapshot(msgspec.structs.replace(ACME, api_keys=(key,)))
    authenticator, headers = Authenticator(SETTINGS), said("acme", **{shown: "acme"})
    assert let_in(authenticator, seen, headers)
    assert let_in(authenticator, seen, headers, after=timedelta(minutes=59))
    assert not let_in(authenticator, seen, headers, after=timedelta(hours=1, seconds=30))


def test_an_organization_that_is_suspended_is_so_at_once_however_well_its_key_is_remembered() -> None:
    authenticator = Authenticator(SETTINGS)
    assert let_in(authenticator, SEEN, said("acme", key="acme"))
    suspended = msgspec.structs.replace(ACME.organization, status="suspended")
    seen = SEEN.updated({suspended.id: msgspec.structs.replace(ACME, organization=suspended)})
    with pytest.raises(TenantSuspendedError):
        let_in(authenticator, seen, said("acme", key="acme"))


@pytest.mark.parametrize("shown", ["key", "bearer"])
def test_a_credential_remembered_at_its_own_host_is_refused_at_anothers(shown: str) -> None:
    authenticator = Authenticator(SETTINGS)
    for host in ("acme", None):
        assert let_in(authenticator, SEEN, said(host, **{shown: "acme"}))
        with pytest.raises(TenantMismatchError):
            let_in(authenticator, SEEN, said("globex", **{shown: "acme"}))


def test_a_key_that_was_changed_allows_what_it_allows_now() -> None:
    authenticator, headers = Authenticator(SETTINGS), said("acme", key="acme")
    assert let_in(authenticator, SEEN, headers)
    key = msgspec.structs.replace(ACME.api_keys[0], scopes=["user:read"])
    seen = SEEN.updated({ACME.organization.id: msgspec.structs.replace(ACME, api_keys=(key,))})
    found = authenticator.authenticate(seen, signals(seen, headers, trusted=False), NOW)
    assert found.scopes == {Permission.USER_READ}


def test_a_context_is_never_made_without_the_user_whom_the_credential_names() -> None:
    named = credential(ACME.organization, person(), EVERY_PERMISSION)
    with pytest.raises(UnauthenticatedError):
        context_of(named, None, request_id="r1")


def person(role: str = "learner", status: str = "active") -> User:
    return User(
        id=new_id(),
        email=f"{role}-{new_id().hex}@example.com",
        name="Ada",
        role=role,
        status=status,
        locale=None,
        timezone=None,
        created_at=NOW,
        updated_at=NOW,
        version=1,
    )


async def stored(databases: Databases, tenant: Organization, user: User) -> User:
    session = session_of(databases, tenant, read_only=False)
    await users.insert(session, user)
    await session.commit()
    return user


def session_of(databases: Databases, tenant: Organization, *, read_only: bool = True) -> ShardSession:
    return open_session(databases, tenant.location, tenant.id, read_only=read_only, timeout=5.0)


def credential(
    tenant: Organization, user: User | None, scopes: frozenset[Permission] | None = None
) -> Credential:
    actor = Actor(ActorKind.USER, user.id) if user else Actor(ActorKind.API_KEY, new_id())
    return Credential(organization=tenant, actor=actor, user=user.id if user else None, scopes=scopes)


async def test_a_user_may_what_their_role_allows(databases: Databases, tenant: Organization) -> None:
    user = await stored(databases, tenant, person("instructor"))
    session = session_of(databases, tenant)
    context = await load_context(session, credential(tenant, user), request_id="r1", deadline=5.0)
    await session.commit()
    assert context.user == user
    assert context.permissions == permissions_of("instructor")
    assert (context.request_id, context.deadline, session.statements) == ("r1", 5.0, 1)


async def test_a_key_that_acts_as_a_user_may_no_more_than_either(
    databases: Databases, tenant: Organization
) -> None:
    user = await stored(databases, tenant, person("learner"))
    session = session_of(databases, tenant)
    scopes = frozenset({Permission.COURSE_READ, Permission.COURSE_WRITE})
    context = await load_context(session, credential(tenant, user, scopes), request_id="r1")
    await session.commit()
    assert context.permissions == {Permission.COURSE_READ}


@pytest.mark.parametrize("scopes", [None, EVERY_PERMISSION])
async def test_nobody_in_particular_costs_no_statement(
    databases: Databases, tenant: Organization, scopes: frozenset[Permission] | None
) -> None:
    session = session_of(databases, tenant)
    context = await load_context(session, credential(tenant, None, scopes), request_id="r1")
    await session.commit()
    assert context.permissions == (scopes or frozenset())
    assert (context.user, session.statements) == (None, 0)


async def test_a_user_who_is_inactive_gone_or_somebody_elses_is_not_let_in(
    databases: Databases, tenant: Organization, other_tenant: Organization
) -> None:
    inactive = await stored(databases, tenant, person(status="inactive"))
    foreign = await stored(databases, other_tenant, person("owner"))
    for user in (inactive, foreign, person()):
        session = session_of(databases, tenant)
        with pytest.raises(UnauthenticatedError):
            await load_context(session, credential(tenant, user), request_id="r1")
        await session.rollback()
