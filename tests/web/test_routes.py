import httpx2
import pytest

from doors import MakeTenant, OpenClient
from harka.runtime import Runtime
from harka.web.middleware.draining import Draining
from harka.web.routes import build


def stranger(runtime: Runtime, host: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(build(runtime, Draining())), base_url=f"http://{host}"
    )


def code(answer: httpx2.Response) -> str:
    found: str = answer.json()["errors"][0]["extensions"]["code"]
    return found


@pytest.mark.parametrize(
    "path", ["/", "/graphql", "/dashboard", "/files/x", "/nothing", "/graphql/x", "//", "/%00"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE", "BREW"])
async def test_at_an_unknown_address_every_path_and_method_answers_alike(
    runtime: Runtime, method: str, path: str
) -> None:
    async with stranger(runtime, "nobody-here.harka.localhost") as http:
        answer = await http.request(method, path)
    assert (answer.status_code, code(answer)) == (404, "UNKNOWN_TENANT")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("host", ["127.0.0.1", "nobody-here.harka.localhost", "10.4.0.7:8000"])
async def test_probes_need_no_tenant(runtime: Runtime, host: str, path: str) -> None:
    async with stranger(runtime, host) as http:
        assert (await http.get(path)).status_code == 200
        assert (await http.head(path)).status_code == 200
        assert (await http.post(path)).status_code == 405


@pytest.mark.parametrize("path", ["/nothing", "/graphql/", "/dashboard/nothing", "/metrics", "/livez/x"])
async def test_a_path_that_is_not_there_is_not_found_as_json(
    api: OpenClient, make_tenant: MakeTenant, path: str
) -> None:
    http = await api(await make_tenant())
    answer = await http.get(path)
    assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/graphql", "/dashboard", "/files/x", "/livez"])
async def test_a_method_that_is_not_allowed_is_told_which_are(
    api: OpenClient, make_tenant: MakeTenant, path: str
) -> None:
    http = await api(await make_tenant())
    answer = await http.delete(path)
    assert (answer.status_code, code(answer)) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]
    assert (await http.options(path)).status_code == 204


async def test_a_body_beyond_the_limit_is_refused(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    http = await api(await make_tenant())
    body = b'{"query":"' + b"x" * runtime.settings.max_body_bytes + b'"}'
    answer = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, code(answer)) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_question_is_answered_under_its_request_id(api: OpenClient, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    http = await api(tenant)
    answer = await http.post("/graphql", json={"query": "{ organization { slug } }"})
    assert answer.json()["data"] == {"organization": {"slug": tenant.slug}}
    assert len(answer.headers["x-request-id"]) == 32
