from base64 import b64encode

import pytest

from doors import MakeTenant, OpenClient
from harka.learning import branding
from harka.learning.branding import BrandingChanges
from harka.learning.work import unit_of_work
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import operator_context
from harka.tenancy.entitling import Wanted, change

DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg"><title>ours</title></svg>'


async def logo_of(runtime: Runtime, tenant: Organization) -> str:
    """The address of a logo that the tenant has just uploaded."""
    parts = runtime.databases, runtime.cache, runtime.pubsub
    async with unit_of_work(*parts, operator_context(tenant), read_only=False, timeout=20.0) as work:
        look = BrandingChanges(logo=b64encode(DRAWING).decode())
        return f"/files/branding/{(await branding.save_draft(work, look)).logo_hash}"


async def test_a_logo_is_shown_to_anybody_and_kept_by_browsers(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    http, path = await api(tenant, scopes=()), await logo_of(runtime, tenant)
    answer = await http.get(path)
    assert (answer.status_code, answer.content) == (200, DRAWING)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    again = await http.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await http.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(DRAWING)))


async def test_strangers_who_look_use_up_nothing_of_the_months_bandwidth(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant, size = await make_tenant(), len(DRAWING)
    limits = {"bandwidth_bytes": size, "grace": 0.0}
    await change(runtime.catalog, tenant, Wanted(limits=limits), actor="test")
    http, path = await api(tenant), await logo_of(runtime, tenant)
    await runtime.files.write(tenant.id, "a.txt", b"0123456789")
    file = f"/files/{runtime.files.sign(tenant.id, 'a.txt', lifetime=60.0)}"

    async def sent() -> int:
        return (await runtime.requests.this_month(tenant)).downloaded

    tag = (await http.get(path)).headers["etag"]
    assert (await http.get(path)).status_code == 200
    assert (await http.get(path, headers={"if-none-match": tag})).status_code == 304
    assert (await http.head(path)).status_code == 200
    assert await sent() == 0
    assert (await http.get(file)).status_code == 200


async def test_it_is_there_at_its_own_organizations_address_only(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    path = await logo_of(runtime, ours)
    answer = await (await api(theirs)).get(path)
    assert (answer.status_code, b"ours" in answer.content) == (404, False)
    neutral = await (await api(ours, scopes=())).get(path, headers={"host": "localhost"})
    assert neutral.status_code == 404


@pytest.mark.parametrize("name", ["x", "0" * 64, "0" * 63 + "%00", "é", "A" * 4000])
async def test_garbage_is_not_found(api: OpenClient, make_tenant: MakeTenant, name: str) -> None:
    answer = await (await api(await make_tenant(), scopes=())).get(f"/files/branding/{name}")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
