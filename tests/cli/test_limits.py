import json
import os

import pytest

from cli.test_imports import harka
from doors import MakeTenant
from harka.cli.limits import operator
from harka.learning import user
from harka.learning.user import UserDraft
from harka.learning.work import unit_of_work
from harka.runtime import Runtime
from harka.storage.statement import CatalogStatement
from harka.tenancy.context import operator_context
from harka.tenancy.entitlement import limits_for
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import add_domain, confirm_domain
from harka.tenancy.resolution import tenant_at

MOVE = CatalogStatement("test.move", "UPDATE control.placement SET database = $2 WHERE tenant_id = $1")


async def test_limits_are_granted_shown_and_taken_back(runtime: Runtime, make_tenant: MakeTenant) -> None:
    slug = (await make_tenant(plan=Plan.STARTER)).slug
    arguments = ("tenant", "limits")
    code, out, notes = await harka(
        runtime.settings,
        *arguments,
        "set",
        slug,
        "users=7",
        "requests_per_month=unlimited",
        "sso=on",
        "--reason",
        "pilot",
    )
    assert (code, notes) == (0, "")
    assert "users                 7 (granted)" in out
    _, out, _ = await harka(runtime.settings, *arguments, "show", slug, "--json")
    shown = json.loads(out)
    assert shown["granted"] == {"users": 7, "requests_per_month": None, "sso": True}
    assert (shown["version"], shown["shadow"], shown["features"]["sso"]) == (1, False, True)
    await runtime.directory.refresh()
    served = runtime.directory.current.by_slug(slug)
    assert served is not None
    assert limits_for(served).users == 7

    assert (await harka(runtime.settings, *arguments, "shadow", slug))[0] == 0
    assert (await harka(runtime.settings, *arguments, "clear", slug, "users", "sso"))[0] == 0
    _, out, _ = await harka(runtime.settings, *arguments, "history", slug, "--json")
    newest, middle, oldest = json.loads(out)
    assert (newest["limits"], newest["shadow"], middle["shadow"]) == (
        {"requests_per_month": None},
        True,
        True,
    )
    assert (oldest["reason"], oldest["features"]) == ("pilot", {"sso": True})


async def test_what_is_no_limit_is_refused_in_one_line(runtime: Runtime, make_tenant: MakeTenant) -> None:
    slug = (await make_tenant()).slug
    for given, words in (
        ("users=many", "a number"),
        ("sso=maybe", "on or off"),
        ("teleport=1", "no limit"),
        ("users=3e9", "0 to"),
    ):
        code, _, notes = await harka(runtime.settings, "tenant", "limits", "set", slug, given)
        assert code != 0
        assert words in notes
    _, out, _ = await harka(runtime.settings, "tenant", "limits", "history", slug)
    assert slug not in out


def test_a_user_without_a_name_is_written_down_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2_000_054_321)
    assert operator() == "uid 2000054321"


async def test_a_downgrade_says_what_must_go(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant(plan=Plan.GROWTH)
    drafts = [UserDraft(email=f"u{n}@example.com", name="U") for n in range(101)]
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        operator_context(tenant),
        read_only=False,
        timeout=10.0,
    ) as work:
        await user.create_many(work, drafts)
    code, _, notes = await harka(runtime.settings, "tenant", "plan", tenant.slug, "starter")
    assert code == 1
    assert "users: 101 of 100, so 1 must go" in notes
    code, out, notes = await harka(runtime.settings, "tenant", "plan", tenant.slug, "starter", "--force")
    assert (code, out.splitlines()[0]) == (0, f"{tenant.slug}: STARTER")
    assert notes == "exceeds: users: 101 of 100, so 1 too many\n"
    assert (await harka(runtime.settings, "tenant", "limits", "shadow", tenant.slug))[0] == 0, "takes nothing"
    _, out, _ = await harka(runtime.settings, "tenant", "limits", "history", tenant.slug, "--json")
    shadow, forced = json.loads(out)
    assert (shadow["forced"], forced["forced"]["excess"]) == (
        None,
        [{"resource": "users", "used": 101, "limit": 100}],
    )


async def test_what_would_stop_with_a_feature_is_listed_by_name(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant(plan=Plan.GROWTH)
    name = f"{'l' * 63}.{tenant.slug}.example.com"
    await add_domain(runtime.catalog, runtime.settings, tenant, name)
    to_starter = ("tenant", "plan", tenant.slug, "starter")
    assert (await harka(runtime.settings, *to_starter))[0] == 0, "a claim is served nowhere"
    assert (await harka(runtime.settings, "tenant", "plan", tenant.slug, "growth"))[0] == 0
    await confirm_domain(runtime.catalog, tenant, name)

    for arguments in (to_starter, ("tenant", "limits", "set", tenant.slug, "custom_branding=off")):
        code, _, notes = await harka(runtime.settings, *arguments)
        assert code == 1
        assert f"customBranding: domain {name} must go\n" in notes, "whole, however long"
        assert "error: More is in use than the new terms allow: 1 domain without customBranding.\n" in notes
        code, _, notes = await harka(runtime.settings, *arguments, "--force")
        assert (code, notes) == (0, f"stops: domain {name} (without customBranding)\n")
        _, out, _ = await harka(runtime.settings, "tenant", "limits", "history", tenant.slug, "--json")
        assert json.loads(out)[0]["forced"] == {
            "measured": True,
            "excess": [],
            "dependents": [{"feature": "customBranding", "kind": "domain", "name": name}],
        }
        mark = "(not served: the plan has no customBranding)"
        _, out, _ = await harka(runtime.settings, "tenant", "show", tenant.slug)
        assert f"domain      {name} {mark}\n" in out
        assert f"{name} (ACTIVE) {mark}" in out
        assert f"{name} {mark}" in (await harka(runtime.settings, "tenant", "list"))[1]
        _, out, _ = await harka(runtime.settings, "tenant", "show", tenant.slug, "--json")
        assert json.loads(out)["domain"] is None
        await runtime.directory.refresh()
        assert tenant_at(runtime.directory.current, name) is None
        back = ("tenant", "plan", tenant.slug, "growth")
        assert (await harka(runtime.settings, *back))[0] == 0
        await runtime.directory.refresh()


async def test_where_nothing_can_be_measured_force_says_so(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant(plan=Plan.GROWTH)
    to_starter = ("tenant", "plan", tenant.slug, "starter")
    await runtime.catalog.execute(MOVE, tenant.id, "nowhere_at_all")
    try:
        assert (await harka(runtime.settings, *to_starter))[0] == 1
        code, _, notes = await harka(runtime.settings, *to_starter, "--force")
        assert (code, notes.partition(":")[0]) == (0, "not measured")
    finally:
        await runtime.catalog.execute(MOVE, tenant.id, tenant.database)
    _, out, _ = await harka(runtime.settings, "tenant", "limits", "history", tenant.slug, "--json")
    assert json.loads(out)[0]["forced"] == {"measured": False, "excess": [], "dependents": []}
    _, out, _ = await harka(runtime.settings, "tenant", "limits", "history", tenant.slug)
    assert "not measured" in out
