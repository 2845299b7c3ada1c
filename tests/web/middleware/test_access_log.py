import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from doors import Echo, client, logged, scoped
from harka.config import Settings
from harka.ids import new_id
from harka.metrics import Metrics
from harka.tenancy.context import ActorKind
from harka.web.middleware.access_log import AccessLogMiddleware

TENANT = new_id()


class Answering:
    """As the inner layers do: fills in the record, then answers."""

    def __init__(self, actor: str, operation: str) -> None:
        self._actor, self._operation = actor, operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = scope["harka"].record
        record.tenant, record.actor, record.operation, record.statements = (
            TENANT,
            self._actor,
            self._operation,
            3,
        )
        await Echo()(scope, receive, send)


def behind(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    return scoped(AccessLogMiddleware(app, metrics))


def counted(metrics: Metrics, endpoint: str) -> float | None:
    labels = {"tenant_id": str(TENANT), "endpoint": endpoint, "status": "200"}
    return metrics.registry.get_sample_value("tenant_api_requests_total", labels)


async def test_a_request_is_one_line_and_one_count() -> None:
    metrics = Metrics(tenants=5)
    with logged() as lines:
        async with client(behind(Answering(ActorKind.API_KEY, "Courses"), metrics)) as http:
            answer = await http.post(
                "/graphql?query=secret", json={"variables": {"email": "ada@example.org"}}
            )
    (line,) = lines.of("access")
    told = {
        name: line[name]
        for name in ("tenant", "actor", "method", "route", "operation", "status", "statements")
    }
    assert told == {
        "tenant": str(TENANT),
        "actor": "api_key",
        "method": "POST",
        "route": "graphql",
        "operation": "Courses",
        "status": 200,
        "statements": 3,
    }
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["milliseconds"] >= 0
    assert counted(metrics, "Courses") == 1


async def test_nothing_that_the_client_wrote_reaches_the_line() -> None:
    with logged() as lines:
        async with client(behind(Echo(), Metrics(tenants=5))) as http:
            await http.request(
                "BREW",
                "/ada@example.org/hk_abcdef123456_x?token=eyJhbGciOiJFZERTQSJ9.e30.c2ln",
                headers={
                    "x-api-key": "hk_abcdef123456_Zm9vYmFy",
                    "user-agent": "curl/8",
                    "referer": "http://x",
                },
                content=b"body",
            )
    (line,) = lines.of("access")
    assert line["route"] == "other"
    assert line["method"] == "other"
    for written in ("ada@", "hk_", "eyJ", "curl", "203.0.113.9", "body"):
        assert written not in lines.text


async def test_an_anonymous_caller_does_not_choose_labels() -> None:
    metrics = Metrics(tenants=5)
    async with client(behind(Answering(ActorKind.ANONYMOUS, "Invented"), metrics)) as http:
        await http.post("/graphql")
    assert counted(metrics, "Invented") is None
    assert counted(metrics, "other") == 1


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_are_counted_but_not_written(path: str) -> None:
    metrics = Metrics(tenants=5)
    with logged() as lines:
        async with client(behind(Echo(), metrics)) as http:
            await http.get(path)
    assert lines.of("access") == []
    assert metrics.registry.get_sample_value("http_request_duration_seconds_count", {"route": path[1:]}) == 1


async def test_probes_are_written_when_debugging() -> None:
    with logged(Settings(log_level="debug")) as lines:
        async with client(behind(Echo(), Metrics(tenants=5))) as http:
            await http.get("/livez")
    assert len(lines.of("access")) == 1


async def test_a_stream_does_not_count_as_a_slow_request() -> None:
    metrics = Metrics(tenants=5)
    async with client(behind(Echo((b"content-type", b"text/event-stream; charset=utf-8")), metrics)) as http:
        await http.get("/graphql")
    assert metrics.registry.get_sample_value("http_request_duration_seconds_count", {"route": "stream"}) == 1


async def test_a_client_that_left_before_the_answer_is_status_499() -> None:
    async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    with logged() as lines:
        scope = {"type": "http", "headers": [], "path": "/graphql", "client": None, "method": "POST"}

        async def unused(*_: object) -> None:
            raise AssertionError

        await behind(nothing, Metrics(tenants=5))(scope, unused, unused)  # type: ignore[arg-type]  # never called
    assert [line["status"] for line in lines.of("access")] == [499]
