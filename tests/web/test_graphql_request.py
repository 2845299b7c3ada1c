from collections.abc import Iterable
from typing import Any

import pytest

from harka.errors import BadRequestError, NotAcceptableError, UnsupportedMediaTypeError
from harka.graph.execution import Request
from harka.web.graphql_request import MediaType, header, negotiate, read_request

OFFERS = [MediaType.JSON, MediaType.GRAPHQL, MediaType.EVENTS, MediaType.HTML]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", MediaType.JSON),
        ("  ", MediaType.JSON),
        ("*/*", MediaType.JSON),
        ("application/*", MediaType.JSON),
        ("application/graphql-response+json", MediaType.GRAPHQL),
        ("application/graphql-response+json, application/json", MediaType.JSON),
        ("application/json;q=0.5, application/graphql-response+json;q=0.6", MediaType.GRAPHQL),
        ("application/json;q=0, */*", MediaType.GRAPHQL),
        ("TEXT/EVENT-STREAM", MediaType.EVENTS),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", MediaType.HTML),
        ("text/*;q=0.3, text/html;q=0.7, */*;q=0.1", MediaType.HTML),
        ("nonsense, application/json; charset=utf-8", MediaType.JSON),
        ("application/json;q=9", MediaType.JSON),
    ],
)
def test_the_best_liked_offer_is_chosen(accept: str, chosen: MediaType) -> None:
    assert negotiate(accept, OFFERS) is chosen


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "application/json;q=0",
        "*/*;q=0",
        "nonsense",
        "application/json; charset=utf-16",
        "a/b;q=x",
    ],
)
def test_what_cannot_be_offered_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        negotiate(accept, OFFERS)


def scope(method: str = "POST", query_string: bytes = b"", **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "query_string": query_string, "headers": pairs}


async def read(given: dict[str, Any], chunks: Iterable[bytes] = ()) -> Request:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return await read_request(given, receive)


async def test_a_body_is_read_in_pieces() -> None:
    text = b'{"query": "{ a }", "variables": {"x": 1}, "operationName": "", "extensions": {}}'
    found = await read(scope(content_type="application/json"), [text[:9], text[9:30], text[30:]])
    assert found == Request(query="{ a }", variables={"x": 1}, operation_name=None)


async def test_a_query_string_is_read() -> None:
    found = await read(
        scope("GET", b"query=%7Ba%7D&variables=%7B%22x%22%3A+1%7D&operationName=A&extensions=")
    )
    assert found == Request(query="{a}", variables={"x": 1}, operation_name="A")


@pytest.mark.parametrize(
    "query_string", [b"query=%FF", b"query=\xff", b"query=a&query=b", b"variables=%7B%7D"]
)
async def test_a_query_string_that_is_none_is_refused(query_string: bytes) -> None:
    with pytest.raises(BadRequestError):
        await read(scope("GET", query_string))


async def test_a_body_that_breaks_off_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(BadRequestError):
        await read_request(scope(content_type="application/json"), receive)


async def test_two_content_types_are_none() -> None:
    given = scope(content_type="application/json")
    given["headers"].append((b"content-type", b"text/plain"))
    with pytest.raises(UnsupportedMediaTypeError):
        await read(given, [b"{}"])


def test_a_repeated_header_is_one_list() -> None:
    given = {"headers": [(b"accept", b"a/b"), (b"x", b"y"), (b"accept", b"c/d")]}
    assert (header(given, b"accept"), header(given, b"cookie")) == ("a/b, c/d", "")
