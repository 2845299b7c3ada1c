from datetime import timedelta

import pytest

from cli.test_imports import MakeTenant, harka
from harka.auth.token import verify
from harka.clock import now
from harka.errors import UnauthenticatedError
from harka.ids import new_id
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.user import User
from harka.runtime import Runtime
from harka.storage.session import open_session


async def person(runtime: Runtime, tenant: Organization, status: str = "active") -> User:
    made = User(
        id=new_id(),
        email=f"{new_id().hex}@example.com",
        name="Ada",
        role="learner",
        status=status,
        locale=None,
        timezone=None,
        created_at=now(),
        updated_at=now(),
        version=1,
    )
    session = open_session(runtime.databases, tenant.location, tenant.id, read_only=False, timeout=5.0)
    await users.insert(session, made)
    await session.commit()
    return made


async def test_a_token_is_printed_alone_for_a_user_named_by_id_or_address(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    ada = await person(runtime, tenant)
    for who in (str(ada.id), ada.email.upper()):
        create = ("token", "create", "--tenant", tenant.slug, "--user", who, "--ttl", "2h")
        code, out, _ = await harka(runtime.settings, *create)
        assert (code, out.count("\n")) == (0, 1)
        token = verify(runtime.directory.current.signing_keys, runtime.settings, out.strip().encode(), now())
        assert (token.tenant, token.user) == (tenant.id, ada.id)
        assert abs(token.expires_at - now() - timedelta(hours=2)) < timedelta(minutes=1)


async def test_nobody_gets_a_token_who_cannot_sign_in(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant, other = await make_tenant(), await make_tenant()
    inactive, foreign = await person(runtime, tenant, "inactive"), await person(runtime, other)
    for who in (inactive.email, str(foreign.id), foreign.email):
        found = await harka(runtime.settings, "token", "create", "--tenant", tenant.slug, "--user", who)
        assert found == (1, "", "error: This organization has no such active user.\n")


@pytest.mark.parametrize(("ttl", "code"), [("25h", 1), ("2 weeks", 2), ("0s", 2)])
async def test_a_lifetime_has_bounds(runtime: Runtime, make_tenant: MakeTenant, ttl: str, code: int) -> None:
    tenant = await make_tenant()
    ada = await person(runtime, tenant)
    create = ("token", "create", "--tenant", tenant.slug, "--user", ada.email, "--ttl", ttl)
    assert (await harka(runtime.settings, *create))[:2] == (code, "")


async def test_a_key_is_rotated_and_the_tokens_of_the_one_before_live_on(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    ada = await person(runtime, tenant)
    create = ("token", "create", "--tenant", tenant.slug, "--user", ada.email)
    before = (await harka(runtime.settings, *create))[1].strip().encode()
    assert (await harka(runtime.settings, "token", "rotate-key", "--tenant", tenant.slug))[0] == 0
    await runtime.directory.refresh()
    assert verify(runtime.directory.current.signing_keys, runtime.settings, before, now()).user == ada.id
    rotated = await harka(runtime.settings, "token", "rotate-key", "--tenant", tenant.slug, "--leaked")
    assert rotated[0] == 0
    await runtime.directory.refresh()
    with pytest.raises(UnauthenticatedError):
        verify(runtime.directory.current.signing_keys, runtime.settings, before, now())
