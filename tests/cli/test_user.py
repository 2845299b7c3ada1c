from cli.test_imports import MakeTenant, harka
from cli.test_token import person
from harka.runtime import Runtime


async def test_a_path_is_printed_alone_and_only_for_who_is_there(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    tenant, other = await make_tenant(), await make_tenant()
    ada = await person(runtime, tenant)
    reset = ("user", "reset-password", "--tenant", tenant.slug, "--user")
    code, out, told = await harka(runtime.settings, *reset, ada.email, "--without-device")
    assert code == 0
    assert out.startswith("/auth/reset?token=hp_")
    assert out.count("\n") == 1
    assert ada.email in told
    foreign = await person(runtime, other)
    found = await harka(runtime.settings, *reset, foreign.email)
    assert found == (1, "", "error: This organization has no such active user.\n")
