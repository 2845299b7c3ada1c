import pytest

from doors import MakeTenant, OpenClient
from harka.runtime import Runtime


async def test_a_link_answers_the_file_as_a_download(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    await runtime.files.write(tenant.id, "exports/courses.html", b"<script>alert(1)</script>")
    http = await api(tenant, scopes=())
    answer = await http.get(f"/files/{runtime.files.sign(tenant.id, 'exports/courses.html', lifetime=60.0)}")
    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    assert answer.headers["content-disposition"] == 'attachment; filename="courses.html"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"]


async def test_a_link_is_good_at_its_own_tenants_address_only(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    await runtime.files.write(ours.id, "a.txt", b"ours")
    await runtime.files.write(theirs.id, "a.txt", b"theirs")
    http = await api(theirs)
    answer = await http.get(f"/files/{runtime.files.sign(ours.id, 'a.txt', lifetime=60.0)}")
    assert (answer.status_code, b"ours" in answer.content) == (404, False)


async def test_an_expired_link_is_not_found(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    await runtime.files.write(tenant.id, "a.txt", b"x")
    http = await api(tenant, scopes=())
    answer = await http.get(f"/files/{runtime.files.sign(tenant.id, 'a.txt', lifetime=-1.0)}")
    assert answer.status_code == 404


async def test_a_link_to_a_file_that_is_gone_is_not_found(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    http = await api(tenant, scopes=())
    answer = await http.get(f"/files/{runtime.files.sign(tenant.id, 'gone.txt', lifetime=60.0)}")
    assert answer.status_code == 404


@pytest.mark.parametrize("link", ["x", "../etc/passwd", "..%2f..%2fetc%2fpasswd", "A" * 4000, "%00", "é"])
async def test_garbage_is_not_found(api: OpenClient, make_tenant: MakeTenant, link: str) -> None:
    http = await api(await make_tenant(), scopes=())
    answer = await http.get(f"/files/{link}")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_head_tells_the_size_without_the_content(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    await runtime.files.write(tenant.id, "a.txt", b"12345")
    http = await api(tenant, scopes=())
    answer = await http.head(f"/files/{runtime.files.sign(tenant.id, 'a.txt', lifetime=60.0)}")
    assert answer.headers["content-length"] == "5"
