"""What clients send by mistake or on purpose: an exact code each, never a 500, nothing written."""

import gzip
import json
from typing import Any

import pytest

from harka.ids import NodeKind
from harka.learning import course as courses
from school import School, school

__all__ = ["school"]

JSON = {"content-type": "application/json"}
BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "BAD_REQUEST"),
    "blank": (b"   ", 400, "BAD_REQUEST"),
    "malformed": (b'{"query": "{ viewer { kind } }"', 400, "BAD_REQUEST"),
    "trailing": (b'{"query": "{ viewer { kind } }"} x', 400, "BAD_REQUEST"),
    "invalid UTF-8": (b'{"query": "{ viewer { kind } }\xff"}', 400, "BAD_REQUEST"),
    "UTF-16": ('{"query": "{ viewer { kind } }"}'.encode("utf-16"), 400, "BAD_REQUEST"),
    "byte order mark": (b'\xef\xbb\xbf{"query": "{ viewer { kind } }"}', 400, "BAD_REQUEST"),
    "lone surrogate": (b'{"query": "{ viewer { kind } } #\\ud800"}', 400, "BAD_REQUEST"),
    "NaN": (b'{"query": "{ viewer { kind } }", "variables": {"x": NaN}}', 400, "BAD_REQUEST"),
    "null": (b"null", 400, "BAD_REQUEST"),
    "number": (b"1", 400, "BAD_REQUEST"),
    "string": (b'"{ viewer { kind } }"', 400, "BAD_REQUEST"),
    "batch": (b'[{"query": "{ viewer { kind } }"}]', 400, "BAD_REQUEST"),
    "empty batch": (b"[]", 400, "BAD_REQUEST"),
    "nested beyond reason": (b"[" * 100_000, 400, "BAD_REQUEST"),
    "no query": (b"{}", 400, "BAD_REQUEST"),
    "null query": (b'{"query": null}', 400, "BAD_REQUEST"),
    "numeric query": (b'{"query": 1}', 400, "BAD_REQUEST"),
    "list of variables": (b'{"query": "{ viewer { kind } }", "variables": []}', 400, "BAD_REQUEST"),
    "text of variables": (b'{"query": "{ viewer { kind } }", "variables": "{}"}', 400, "BAD_REQUEST"),
    "numeric name": (b'{"query": "{ viewer { kind } }", "operationName": 1}', 400, "BAD_REQUEST"),
    "list of extensions": (b'{"query": "{ viewer { kind } }", "extensions": []}', 400, "BAD_REQUEST"),
    "unknown name": (
        b'{"query": "{ viewer { kind } }", "operationName": "X"}',
        400,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "empty document": (b'{"query": ""}', 400, "GRAPHQL_PARSE_FAILED"),
    "NUL in the document": (b'{"query": "{ viewer { kind } }\\u0000"}', 400, "GRAPHQL_PARSE_FAILED"),
    "only a fragment": (b'{"query": "fragment f on Viewer { kind }"}', 400, "GRAPHQL_VALIDATION_FAILED"),
    "a type definition": (b'{"query": "type Query { x: Int }"}', 400, "GRAPHQL_VALIDATION_FAILED"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_named(school: School, name: str) -> None:
    content, status, code = BODIES[name]
    headers = {**JSON, "accept": "application/graphql-response+json"}
    response = await school.send(content=content, headers=headers)
    (error, *_) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (status, code)
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "type_",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        "application/jsonx",
    ],
)
async def test_only_json_in_utf_8_is_taken(school: School, type_: str | None) -> None:
    headers = {} if type_ is None else {"content-type": type_}
    response = await school.send(content=b'{"query": "{ viewer { kind } }"}', headers=headers)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("type_", ["application/json;charset=UTF-8", 'Application/JSON; charset="utf-8"'])
async def test_json_is_json_however_it_is_spelled(school: School, type_: str) -> None:
    response = await school.send(content=b'{"query": "{ viewer { kind } }"}', headers={"content-type": type_})
    assert response.json()["data"] == {"viewer": None}


async def test_a_compressed_body_is_refused(school: School) -> None:
    response = await school.send(content=gzip.compress(b"{}"), headers={**JSON, "content-encoding": "gzip"})
    assert response.status_code == 415


@pytest.mark.parametrize(
    ("query_string", "code"),
    [
        ("", "BAD_REQUEST"),
        ("query=%7Bviewer%7Bkind%7D%7D&query=%7Bviewer%7Bkind%7D%7D", "BAD_REQUEST"),
        ("query=%7Bviewer%7Bkind%7D%7D&variables=%7B", "BAD_REQUEST"),
        ("query=%7Bviewer%7Bkind%7D%7D&variables=%5B%5D", "BAD_REQUEST"),
        ("query=%7Bviewer%7Bkind%7D%7D&extensions=1", "BAD_REQUEST"),
        ("&".join(f"a{n}=1" for n in range(30)), "BAD_REQUEST"),
        ("query=", "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_bad_parameters_are_named(school: School, query_string: str, code: str) -> None:
    response = await school.send(
        "GET", params=query_string, headers={"accept": "application/graphql-response+json"}
    )
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code


def values(school: School) -> dict[str, tuple[str, dict[str, Any], str]]:
    course = school.id(NodeKind.COURSE, school.courses[0])
    by_id = "query ($x: ID!) { node(id: $x) { id } }"
    page = "query ($x: Int!) { courses(first: $x) { nodes { id } } }"
    return {
        "NUL in an id": (by_id, {"x": course[:-1] + "\0"}, "INVALID_ID"),
        "a number as an id": (by_id, {"x": 7}, "INVALID_ID"),
        "a huge number as an id": (by_id, {"x": 10**18}, "INVALID_ID"),
        "an object as an id": (by_id, {"x": {}}, "GRAPHQL_VALIDATION_FAILED"),
        "a long id": (by_id, {"x": "A" * 100_000}, "INVALID_ID"),
        "a text as a size": (page, {"x": "5"}, "GRAPHQL_VALIDATION_FAILED"),
        "a fraction as a size": (page, {"x": 1.5}, "GRAPHQL_VALIDATION_FAILED"),
        "a size beyond 32 bits": (page, {"x": 2**31}, "GRAPHQL_VALIDATION_FAILED"),
        "a boolean as a size": (page, {"x": True}, "GRAPHQL_VALIDATION_FAILED"),
        "a negative size": (page, {"x": -1}, "VALIDATION_FAILED"),
        "a size above the most": (page, {"x": 101}, "VALIDATION_FAILED"),
        "a value for nothing": (page, {}, "GRAPHQL_VALIDATION_FAILED"),
    }


VALUES = [
    "NUL in an id",
    "a number as an id",
    "a huge number as an id",
    "an object as an id",
    "a long id",
    "a text as a size",
    "a fraction as a size",
    "a size beyond 32 bits",
    "a boolean as a size",
    "a negative size",
    "a size above the most",
    "a value for nothing",
]


@pytest.mark.parametrize("name", VALUES)
async def test_a_bad_value_has_its_code(school: School, name: str) -> None:
    assert values(school).keys() == set(VALUES)
    document, variables, code = values(school)[name]
    reply = await school.ask(document, variables)
    assert (reply.status, reply.code) == (200, code)


@pytest.mark.parametrize("code", ["a\0b", "\0", "A" * 100_000, "'; DROP TABLE course; --"])
async def test_a_code_that_cannot_be_is_nobodys(school: School, code: str) -> None:
    reply = await school.ask("query ($x: String!) { course(code: $x) { id } }", {"x": code})
    assert reply.data == {"course": None}


async def test_nothing_of_all_this_is_written(school: School) -> None:
    async with school.work() as work:
        before = await courses.count(work)
    headers = {**JSON, **await school.headers(school.owner)}
    for given in (
        {"title": "\0", "code": "X"},
        {"title": "X", "code": "\ud800"},
        {"title": 1, "code": "X"},
        {"title": "X"},
    ):
        body = {
            "query": "mutation ($x: CreateCourseInput!) { createCourse(input: $x) { errors { code } } }",
            "variables": {"x": given},
        }
        response = await school.send(content=json.dumps(body), headers=headers)
        assert response.status_code in {200, 400}
        told = response.json()
        codes = {error["extensions"]["code"] for error in told.get("errors", ())}
        for payload in (told.get("data") or {}).values():
            codes |= {error["code"] for error in payload["errors"]}
        assert codes in ({"BAD_REQUEST"}, {"GRAPHQL_VALIDATION_FAILED"}, {"VALIDATION_FAILED"})
    async with school.work() as work:
        assert await courses.count(work) == before
