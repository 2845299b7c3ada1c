"""Who asks, and does not read the answer: nothing of the organization's is held for them."""

import asyncio
from typing import Any

import pytest

from harka.codec import json_bytes
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from harka.web.middleware.draining import Draining
from harka.web.routes import build
from school import School, graphql_scope, school

__all__ = ["school"]


@pytest.mark.parametrize("path", ["/graphql", "/auth/sign-in", "/files/branding/none"])
async def test_an_answer_that_nobody_reads_does_not_count_as_under_way(school: School, path: str) -> None:
    own = school.with_admission(Admission())
    app, admission = build(own.runtime, Draining()), own.runtime.admission
    body = json_bytes({"query": "{ __typename }"}) if path == "/graphql" else b""
    method = "POST" if body else "GET"
    headers = {"content-type": "application/json", "content-length": str(len(body))} if body else {}
    stuck = asyncio.Event()
    given = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        if given:
            return given.pop()
        return await asyncio.Event().wait()

    async def send(_message: Any) -> None:
        stuck.set()
        await asyncio.Event().wait()

    scope = graphql_scope("http", school.host, headers, method=method)
    asked = asyncio.create_task(app({**scope, "path": path, "raw_path": path.encode()}, receive, send))
    await stuck.wait()
    under_way = {each.resource: each.used for each in await admission.levels(school.organization)}
    assert school.organization.id in admission._allowances, "it was admitted"
    assert under_way[Resource.CONCURRENT_REQUESTS] == 0
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
