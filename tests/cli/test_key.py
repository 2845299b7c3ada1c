from datetime import UTC, datetime, timedelta

import pytest

from cli.test_imports import MakeTenant, harka
from harka.auth.api_key import verify
from harka.clock import now
from harka.errors import UnauthenticatedError
from harka.repositories import api_key
from harka.runtime import Runtime
from harka.tenancy.permission import Permission


async def test_a_key_is_printed_alone_so_that_a_script_can_take_it(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    code, out, notes = await harka(runtime.settings, "key", "create", "--tenant", tenant.slug)
    assert (code, out.count("\n")) == (0, 1)
    await runtime.directory.refresh()
    key = verify(runtime.directory.current.api_keys, out.strip().encode(), now())
    assert key.tenant_id == tenant.id
    assert all(scope.endswith(":read") for scope in key.scopes)
    assert key.prefix in notes
    assert out.strip() not in notes


async def test_scopes_and_lifetime_are_as_asked(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    scopes = ("--scope", "course:write", "--scope", "course:read")
    create = ("key", "create", "--tenant", tenant.slug)
    assert (await harka(runtime.settings, *create, *scopes, "--ttl", "90d", "--name", "ci"))[0] == 0
    assert (await harka(runtime.settings, *create, "--full"))[0] == 0
    some, every = await api_key.list_by_tenant(runtime.catalog, tenant.id)
    assert (some.name, some.scopes) == ("ci", ["course:read", "course:write"])
    assert some.expires_at is not None
    assert abs(some.expires_at - now() - timedelta(days=90)) < timedelta(minutes=5)
    assert (set(every.scopes), every.expires_at) == (set(Permission), None)


async def test_a_revoked_key_is_listed_as_such_and_refused(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    _, text, _ = await harka(runtime.settings, "key", "create", "--tenant", tenant.slug)
    prefix = text[3:15]
    _, before, _ = await harka(runtime.settings, "key", "list", "--tenant", tenant.slug)
    assert (await harka(runtime.settings, "key", "revoke", "--tenant", tenant.slug, prefix))[0] == 0
    _, after, _ = await harka(runtime.settings, "key", "list", "--tenant", tenant.slug)
    assert (prefix in before, "live" in before, "revoked" in after) == (True, True, True)
    assert text.strip() not in before
    await runtime.directory.refresh()
    with pytest.raises(UnauthenticatedError):
        verify(runtime.directory.current.api_keys, text.strip().encode(), now())


async def test_the_list_says_when_a_key_was_last_used(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    await harka(runtime.settings, "key", "create", "--tenant", tenant.slug)
    _, before, _ = await harka(runtime.settings, "key", "list", "--tenant", tenant.slug)
    (key,) = await api_key.list_by_tenant(runtime.catalog, tenant.id)
    await api_key.touch(runtime.catalog, {key.id: datetime(2031, 5, 6, 7, 8, tzinfo=UTC)})
    _, after, _ = await harka(runtime.settings, "key", "list", "--tenant", tenant.slug)
    assert before.count("never") == 2, "expires and was used"
    assert (after.count("never"), "2031-05-06 07:08" in after) == (1, True)


@pytest.mark.parametrize(
    ("command", "note"),
    [
        (("create", "--user", "nobody@example.com"), "error: This organization has no such active user.\n"),
        (("create", "--user", "root"), "error: This is neither an address nor the id of a user.\n"),
        (("revoke", "abc"), "error: This organization has no live API key with this prefix.\n"),
    ],
)
async def test_what_goes_wrong_is_one_line(
    runtime: Runtime, make_tenant: MakeTenant, command: tuple[str, ...], note: str
) -> None:
    tenant = await make_tenant()
    name, *arguments = command
    found = await harka(runtime.settings, "key", name, "--tenant", tenant.slug, *arguments)
    assert found == (1, "", note)
    assert await api_key.list_by_tenant(runtime.catalog, tenant.id) == []


async def test_a_key_that_would_not_be_let_in_is_not_made(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    await harka(runtime.settings, "tenant", "limits", "set", tenant.slug, "api_access=off")
    code, out, note = await harka(runtime.settings, "key", "create", "--tenant", tenant.slug)
    assert (code, out, note.startswith("error: apiAccess is not available")) == (1, "", True)
    assert await api_key.list_by_tenant(runtime.catalog, tenant.id) == []


@pytest.mark.parametrize("wrong", [("--ttl", "soon"), ("--scope", "everything")])
async def test_a_misspelt_option_is_a_usage_error(
    runtime: Runtime, make_tenant: MakeTenant, wrong: tuple[str, ...]
) -> None:
    tenant = await make_tenant()
    code, out, _ = await harka(runtime.settings, "key", "create", "--tenant", tenant.slug, *wrong)
    assert (code, out) == (2, "")
