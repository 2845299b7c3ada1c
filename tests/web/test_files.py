import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest

from doors import MakeTenant, OpenClient
from harka.runtime import Runtime
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.plan import Plan
from harka.web.middleware.draining import Draining
from harka.web.routes import build
from school import graphql_scope, until


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


async def test_a_part_is_answered_as_such(runtime: Runtime, api: OpenClient, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    await runtime.files.write(tenant.id, "a.txt", b"0123456789")
    http = await api(tenant, scopes=())
    url = runtime.files.download_url(tenant.id, "a.txt", name="Ünter.txt", media_type="text/plain")
    whole = await http.get(url)
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-disposition"] == (
        "attachment; filename=\"_nter.txt\"; filename*=UTF-8''%C3%9Cnter.txt"
    )
    part = await http.get(url, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-length"]) == (206, b"234", "3")
    assert part.headers["content-range"] == "bytes 2-4/10"
    last = await http.get(url, headers={"range": "bytes=-2"})
    assert (last.status_code, last.content) == (206, b"89")
    behind = await http.get(url, headers={"range": "bytes=10-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, "bytes */10")
    assert behind.json()["errors"][0]["extensions"]["code"] == "RANGE_NOT_SATISFIABLE"


@pytest.mark.parametrize("name", ['a"; filename="b.exe', "a\\b.txt", "100%.txt", "שלום 👋.pdf"])
async def test_a_name_is_never_more_than_a_name(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant, name: str
) -> None:
    tenant = await make_tenant()
    await runtime.files.write(tenant.id, "a.txt", b"x")
    http = await api(tenant, scopes=())
    answer = await http.get(runtime.files.download_url(tenant.id, "a.txt", name=name, media_type=""))
    shown = answer.headers["content-disposition"]
    assert (shown.count('"'), shown.count("%")) == (2, quote(name, safe="").count("%"))
    assert shown.endswith(f"; filename*=UTF-8''{quote(name, safe='')}")


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_file_larger_than_any_other_body_is_sent_in_pieces(
    runtime: Runtime, live_server: Any, make_tenant: MakeTenant
) -> None:
    tenant, size = await make_tenant(), 3 * runtime.settings.max_body_bytes
    url = await runtime.files.upload_url(tenant.id, "large.bin", size=size, lifetime=60.0)
    async with httpx2.AsyncClient(base_url=live_server.address) as http:
        headers = {"host": live_server.host(tenant)}

        async def is_known() -> bool:
            return "UNKNOWN_TENANT" not in (await http.get("/files/x", headers=headers)).text

        await until(is_known)
        answer = await http.put(url, content=pieces(size // 65_536, 65_536), headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
        whole = await http.put(url, content=b"y" * size, headers=headers)
        assert whole.status_code == 204
    found = await runtime.files.find(tenant.id, "large.bin")
    assert found is not None
    assert found.size == size


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"Hell", 400, "BAD_REQUEST"),
        (b"", 400, "BAD_REQUEST"),
        (b"Hello!", 413, "PAYLOAD_TOO_LARGE"),
        (pieces(1, 4), 400, "BAD_REQUEST"),
        (pieces(2, 3), 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_a_file_has_the_size_that_was_said(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant, sent: Any, status: int, code: str
) -> None:
    tenant = await make_tenant()
    http = await api(tenant, scopes=())
    url = await runtime.files.upload_url(tenant.id, "a.txt", size=5, lifetime=60.0)
    answer = await http.put(url, content=sent)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (status, code)
    assert await runtime.files.find(tenant.id, "a.txt") is None


async def test_a_link_is_good_for_one_thing_in_one_organization(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    await runtime.files.write(ours.id, "a.txt", b"ours!")
    to_read = runtime.files.download_url(ours.id, "a.txt", name="a", media_type="")
    to_write = await runtime.files.upload_url(ours.id, "a.txt", size=5, lifetime=60.0)
    late = await runtime.files.upload_url(ours.id, "a.txt", size=5, lifetime=-1.0)
    own, foreign = await api(ours, scopes=()), await api(theirs)
    for http, method, url in (
        (own, "PUT", to_read),
        (own, "GET", to_write),
        (own, "PUT", late),
        (own, "PUT", "/files/garbage"),
        (foreign, "PUT", to_write),
        (foreign, "GET", to_read),
    ):
        answer = await http.request(method, url, content=b"other" if method == "PUT" else None)
        assert (answer.status_code, b"ours" in answer.content) == (404, False), (method, url)
    assert (await own.request("DELETE", to_write)).status_code == 405
    assert (await own.get(to_read)).content == b"ours!"


async def test_a_body_that_stands_still_is_given_up(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    settings = msgspec.structs.replace(runtime.settings, request_timeout=0.05)
    app = build(msgspec.structs.replace(runtime, settings=settings), Draining())
    url = await runtime.files.upload_url(tenant.id, "a.txt", size=5, lifetime=60.0)
    sent: list[Any] = []

    async def receive() -> Any:
        if sent:
            await asyncio.Event().wait()
        sent.append(True)
        return {"type": "http.request", "body": b"He", "more_body": True}

    heard: list[Any] = []

    async def send(message: Any) -> None:
        heard.append(message)

    scope = graphql_scope("http", f"{tenant.slug}.{settings.platform_domain}", {}, method="PUT")
    await app({**scope, "path": url, "raw_path": url.encode()}, receive, send)
    assert heard[0]["status"] == 504
    assert await runtime.files.find(tenant.id, "a.txt") is None


async def test_what_was_sent_of_a_file_is_counted(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    await runtime.files.write(ours.id, "a.txt", b"0123456789")
    http = await api(ours)
    link = f"/files/{runtime.files.sign(ours.id, 'a.txt', lifetime=60.0)}"
    await http.get(link)
    await http.get(link, headers={"range": "bytes=0-3"})
    told = await http.head(link)
    assert (told.headers["content-length"], told.content) == ("10", b"")
    await http.get("/files/nothing")
    assert (await runtime.requests.this_month(ours)).downloaded == 14
    await runtime.requests.flush()
    assert (await runtime.requests.this_month(ours)).downloaded == 14
    assert (await runtime.requests.this_month(theirs)).downloaded == 0


async def test_beyond_the_months_bandwidth_nothing_is_sent(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    await change(runtime.catalog, tenant, Wanted(limits={"bandwidth_bytes": 25, "grace": 0.0}), actor="test")
    http = await api(tenant)
    await runtime.files.write(tenant.id, "a.txt", b"0123456789")
    link = f"/files/{runtime.files.sign(tenant.id, 'a.txt', lifetime=60.0)}"
    assert [(await http.get(link)).status_code for _ in range(2)] == [200, 200]
    assert (await http.head(link)).status_code == 200
    refused = await http.get(link)
    told = refused.json()["errors"][0]["extensions"]
    assert (refused.status_code, told["code"], told["resource"]) == (429, "QUOTA_EXCEEDED", "BANDWIDTH")
    assert int(refused.headers["retry-after"]) > 0
    assert (await http.get(link, headers={"range": "bytes=0-4"})).status_code == 206, "so much is left"


async def test_a_file_of_no_bytes_is_sent(runtime: Runtime, api: OpenClient, make_tenant: MakeTenant) -> None:
    """As the result of a bulk operation that found nothing."""
    tenant = await make_tenant(plan=Plan.STARTER)
    http = await api(tenant)
    await runtime.files.write(tenant.id, "none.jsonl", b"")
    answer = await http.get(f"/files/{runtime.files.sign(tenant.id, 'none.jsonl', lifetime=60.0)}")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_what_nobody_began_to_read_was_not_sent(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant, app = await make_tenant(), build(runtime, Draining())
    await change(runtime.catalog, tenant, Wanted(limits={"bandwidth_bytes": 25, "grace": 0.0}), actor="test")
    http = await api(tenant)
    await runtime.files.write(tenant.id, "a.txt", b"0123456789")
    link = f"/files/{runtime.files.sign(tenant.id, 'a.txt', lifetime=60.0)}"

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        await asyncio.Event().wait()

    host = f"{tenant.slug}.{runtime.settings.platform_domain}"
    scope = graphql_scope("http", host, {}, method="GET")
    for _ in range(3):
        await app({**scope, "path": link, "raw_path": link.encode()}, receive, send)
    assert [(await http.get(link)).status_code for _ in range(2)] == [200, 200]
