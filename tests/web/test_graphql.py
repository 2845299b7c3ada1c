import asyncio
import json
from typing import Any

import httpx2
import msgspec
import pytest

from harka.errors import DeadlineExceededError
from harka.ids import NodeKind
from harka.learning import course as courses
from harka.tenancy.permission import Permission
from school import School, school

__all__ = ["school"]

QUERY = {"query": "{ viewer { kind } }"}
GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


def codes(response: httpx2.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", ())]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", JSON),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"text/html, {JSON};q=0.1, */*;q=0.01", JSON),
        ("text/html", JSON),
    ],
)
async def test_the_answer_comes_in_the_type_that_is_accepted(
    school: School, accept: str | None, media: str
) -> None:
    # httpx sends */* of its own
    headers = {"accept": accept or ""}
    response = await school.send(json=QUERY, headers=headers)
    if accept == "text/html":
        assert (response.status_code, codes(response)) == (406, ["NOT_ACCEPTABLE"])
        return
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"
    assert response.json()["data"] == {"viewer": None}


@pytest.mark.parametrize(
    ("query", "code"), [("{", "GRAPHQL_PARSE_FAILED"), ("{ nothing }", "GRAPHQL_VALIDATION_FAILED")]
)
async def test_a_refused_document_is_400_only_where_the_type_is_graphqls_own(
    school: School, query: str, code: str
) -> None:
    for media, status in ((GRAPHQL, 400), (JSON, 200)):
        response = await school.send(json={"query": query}, headers={"accept": media})
        assert (response.status_code, codes(response)) == (status, [code])
        assert "data" not in response.json()
        assert response.headers["content-type"].startswith(media)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_an_outage_has_a_status_of_its_own_only_where_the_type_is_graphqls_own(
    school: School, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def late(*_: Any, **__: Any) -> int:
        raise DeadlineExceededError

    monkeypatch.setattr(courses, "count", late)
    key = await school.headers(tuple(Permission))

    async def ask(query: str, media: str) -> httpx2.Response:
        asked = {"json": {"query": query}} if method == "POST" else {"params": {"query": query}}
        return await school.send(method, **asked, headers={"accept": media, **key})

    for media, status, data in ((GRAPHQL, 504, None), (JSON, 200, {"courses": None})):
        response = await ask("{ courses(first: 1) { totalCount } }", media)
        assert (response.status_code, codes(response)) == (status, ["DEADLINE_EXCEEDED"])
        assert response.json()["data"] == data
        assert school.app.record.outage == 504
        # whoever has an answer to show has no outage
        response = await ask("{ viewer { kind } courses(first: 1) { totalCount } }", media)
        assert (response.status_code, codes(response)) == (200, ["DEADLINE_EXCEEDED"])
        assert response.json()["data"] == {"viewer": {"kind": "API_KEY"}, "courses": None}
        assert school.app.record.outage == 0


async def test_get_answers_queries(school: School) -> None:
    params = {
        "query": "query A($id: ID!) { node(id: $id) { id } } query B { viewer { kind } }",
        "operationName": "A",
        "variables": json.dumps({"id": school.id(NodeKind.COURSE, school.courses[0])}),
    }
    response = await school.send("GET", params=params, headers=await school.headers(school.owner))
    assert response.json()["data"]["node"] is not None


async def test_get_never_changes_anything(school: School) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    query = f'mutation {{ archiveCourse(input: {{id: "{id_}"}}) {{ course {{ status }} }} }}'
    headers = await school.headers(school.owner)
    response = await school.send("GET", params={"query": query}, headers=headers)
    assert (response.status_code, codes(response)) == (405, ["METHOD_NOT_ALLOWED"])
    assert response.headers["allow"] == "POST"
    kept = await school.ask(f'{{ course(id: "{id_}") {{ status }} }}')
    assert kept.data["course"] == {"status": "PUBLISHED"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_refused(school: School, method: str) -> None:
    response = await school.send(method)
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]


async def test_a_subscription_needs_a_stream(school: School) -> None:
    id_ = school.id(NodeKind.ENROLLMENT, school.enrollments[0])
    query = f'subscription {{ progressChanged(enrollmentId: "{id_}") {{ resync }} }}'
    response = await school.send(json={"query": query}, headers=await school.headers(school.owner))
    assert (response.status_code, codes(response)) == (406, ["NOT_ACCEPTABLE"])


async def test_a_bad_credential_is_refused_before_graphql(school: School) -> None:
    response = await school.send(json=QUERY, headers={"authorization": "Bearer nonsense"})
    assert (response.status_code, codes(response)) == (401, ["UNAUTHENTICATED"])


async def test_browsers_get_graphiql_where_it_is_switched_on(school: School) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    settings = msgspec.structs.replace(school.runtime.settings, graphiql=True)
    open_ = School(msgspec.structs.replace(school.runtime, settings=settings), school.organization)
    response = await open_.send("GET", headers=browser)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "GraphiQL" in response.text
    # without the switch a browser is a client that sent no query
    response = await school.send("GET", headers=browser)
    assert (response.status_code, codes(response)) == (400, ["BAD_REQUEST"])


async def test_a_refused_document_costs_no_statement(school: School) -> None:
    reply = await school.ask("{ nothing }")
    assert (reply.status, reply.statements) == (200, 0)
    assert reply.record.code == "GRAPHQL_VALIDATION_FAILED"


async def test_suggestions_are_for_callers_who_are_known(school: School) -> None:
    known = await school.ask("{ viewr { kind } }")
    unknown = await school.ask("{ viewr { kind } }", caller=None)
    assert "Did you mean" in known.body["errors"][0]["message"]
    assert "Did you mean" not in unknown.body["errors"][0]["message"]


async def test_every_error_names_the_request(school: School) -> None:
    for body in (b"{", b'{"query": "{"}', b'{"query": "{ node(id: \\"x\\") { id } }"}'):
        response = await school.send(content=body, headers={"content-type": JSON})
        named = {error["extensions"]["requestId"] for error in response.json()["errors"]}
        assert named == {response.headers["x-request-id"]}


async def _chunks(count: int) -> Any:
    for _ in range(count):
        yield b" " * 65_536
        await asyncio.sleep(0)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_refused(school: School, announced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    content = b" " * 3_000_000 if announced else _chunks(48)
    response = await school.send(content=content, headers={"content-type": JSON})
    assert (response.status_code, codes(response)) == (413, ["PAYLOAD_TOO_LARGE"])
