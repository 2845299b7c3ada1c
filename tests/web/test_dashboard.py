import re

import pytest
from graphql import parse, validate

from doors import MakeTenant, OpenClient
from harka.graph.schema import core
from harka.runtime import Runtime
from harka.web.dashboard import own_documents


async def test_the_page_is_served_with_a_strict_policy(api: OpenClient, make_tenant: MakeTenant) -> None:
    http = await api(await make_tenant(), scopes=())
    answer = await http.get("/dashboard")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("tenant", [True, False], ids=["organization", "platform"])
async def test_the_bare_address_leads_to_the_page(
    api: OpenClient, make_tenant: MakeTenant, runtime: Runtime, *, tenant: bool
) -> None:
    http = await api(await make_tenant(), scopes=())
    host = {} if tenant else {"host": runtime.settings.platform_domain}
    for method in ("GET", "HEAD"):
        answer = await http.request(method, "/", headers=host)
        assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
    assert (await http.get("/", headers=host, follow_redirects=True)).text.startswith("<!doctype html>")
    assert (await http.post("/", headers=host)).status_code == 405


async def test_a_final_slash_makes_no_difference(api: OpenClient, make_tenant: MakeTenant) -> None:
    http = await api(await make_tenant(), scopes=())
    with_slash, without = await http.get("/dashboard/"), await http.get("/dashboard")
    assert (with_slash.status_code, with_slash.content) == (200, without.content)


async def test_everything_the_page_names_is_there(api: OpenClient, make_tenant: MakeTenant) -> None:
    http = await api(await make_tenant(), scopes=())
    page = (await http.get("/dashboard")).text
    named = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(named) == 5
    types = [(await http.get(name)).headers["content-type"].partition(";")[0] for name in named]
    assert types == ["image/svg+xml", "text/css", "text/javascript", "image/svg+xml", "text/html"]


async def test_the_page_has_nothing_inline_and_asks_nobody_else(
    api: OpenClient, make_tenant: MakeTenant
) -> None:
    http = await api(await make_tenant(), scopes=())
    page, script, style = [
        (await http.get(path)).text
        for path in ("/dashboard", "/dashboard/dashboard.js", "/dashboard/dashboard.css")
    ]
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)
    assert re.findall(r"https?://\S+", page + script + style) == []
    assert "innerHTML" not in script


@pytest.mark.parametrize(
    "name", ["secret.py", "..%2fdashboard.py", "%2e%2e", "__init__.py", "dashboard.html/x", "/"]
)
async def test_no_other_file_is_served(api: OpenClient, make_tenant: MakeTenant, name: str) -> None:
    http = await api(await make_tenant(), scopes=())
    answer = await http.get(f"/dashboard/{name}")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_every_field_has_a_label_and_every_question_fits_the_schema(
    api: OpenClient, make_tenant: MakeTenant, runtime: Runtime
) -> None:
    http = await api(await make_tenant())
    page = (await http.get("/dashboard")).text
    assert re.findall(r'<input id="([^"]+)"', page) == re.findall(r'<label for="([^"]+)"', page)
    script = (await http.get("/dashboard/dashboard.js")).text
    documents = re.findall(r"`((?:query|subscription) .*?)`", script, re.DOTALL)
    assert len(documents) == 4
    for document in documents:
        answer = await http.graphql(document.replace("$id: ID!", "$id: ID = null"))
        codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
        assert "GRAPHQL_VALIDATION_FAILED" not in codes
        assert "GRAPHQL_PARSE_FAILED" not in codes


async def test_a_page_is_read_only(api: OpenClient, make_tenant: MakeTenant) -> None:
    http = await api(await make_tenant(), scopes=())
    assert (await http.head("/dashboard")).status_code == 200
    assert (await http.post("/dashboard")).status_code == 405


def test_every_document_of_the_page_is_known() -> None:
    documents = own_documents()
    assert len(documents) == 4
    assert not any("${" in document for document in documents)
    schema = core()
    assert [validate(schema, parse(document)) for document in documents] == [[]] * len(documents)
