import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import BadRequestError, NotAcceptableError, UnsupportedMediaTypeError
from harka.graph.request import Request
from harka.web.graphql_request import (
    MediaType,
    asked_of,
    header,
    negotiate,
    read_body,
    request_from,
    request_from_any,
)

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

    return asked_of(given, await read_body(receive))


async def test_a_body_is_read_in_pieces() -> None:
    text = b'{"query": "{ a }", "variables": {"x": 1}, "operationName": "", "extensions": {}}'
    found = await read(scope(content_type="application/json"), [text[:9], text[9:30], text[30:]])
    assert found == Request(query="{ a }", variables={"x": 1}, operation_name=None, tells_cost=True)


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


def read_by(read_: Callable[[bytes], Request], body: bytes) -> str:
    """What it comes to; as text, since 1 equals 1.0 and -0.0 equals 0."""
    try:
        return repr(read_(body))
    except BadRequestError as error:
        return error.message


BOUNDS = [2**bits + step for bits in (31, 53, 63, 64, 70) for step in (-1, 0, 1)]
VALUES = r"""0 -0 -0.0 1e3 1E400 01 1. NaN Infinity 123456789012345678901234567890 true null tru
  "a" "\u0041" "\ud800" "\ud83d\ude00" "\x" "é" [] [1,] [[[[[[1]]]]]] {} {"a":1,"a":2} {1:2}
  {"a":{"b":{"c":{"d":[{}]}}}}"""
PIECES = [
    *VALUES.split(),
    *map(str, (*BOUNDS, *(-each for each in BOUNDS))),
    *('"\x01"', '"\xff"', "[" * 2000),
]


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece[:20])
@pytest.mark.parametrize(
    "around",
    [
        '{"query":"{a}","variables":{"x":PIECE}}',
        '{"query":"{a}","variables":{"x":[{"y":PIECE}]}}',
        '{"query":"{a}","variables":PIECE}',
        '{"query":"{a}","extensions":{"x":PIECE}}',
        '{"query":"{a}","extensions":PIECE}',
        '{"query":"{a}","operationName":PIECE}',
        '{"query":"{a}","unknown":PIECE}',
        '{"query":PIECE}',
        '{"query":1,"query":PIECE}',
        '{"qu\\u0065ry":PIECE}',
        '{"query":"{a}"}PIECE',
        "PIECE",
    ],
)
def test_the_quick_way_reads_what_the_long_way_reads(around: str, piece: str) -> None:
    body = around.replace("PIECE", piece).encode("latin-1" if piece == '"\xff"' else "utf-8")
    assert read_by(request_from, body) == read_by(request_from_any, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)
FIELDS = st.sampled_from(["query", "variables", "operationName", "extensions", "other"])


@given(st.dictionaries(FIELDS, JSON) | JSON, st.booleans(), st.integers(0, 400), st.integers(0, 255))
def test_the_quick_way_reads_any_body_like_the_long_way(
    asked: Any,
    ascii_: bool,  # noqa: FBT001 - of JSON
    place: int,
    byte: int,
) -> None:
    body = bytearray(json.dumps(asked, ensure_ascii=ascii_).encode(errors="surrogatepass"))
    assert read_by(request_from, bytes(body)) == read_by(request_from_any, bytes(body))
    body[place % len(body)] = byte
    assert read_by(request_from, bytes(body)) == read_by(request_from_any, bytes(body))


async def test_a_body_that_breaks_off_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(BadRequestError):
        await read_body(receive)


async def test_two_content_types_are_none() -> None:
    given = scope(content_type="application/json")
    given["headers"].append((b"content-type", b"text/plain"))
    with pytest.raises(UnsupportedMediaTypeError):
        await read(given, [b"{}"])


def test_a_repeated_header_is_one_list() -> None:
    given = {"headers": [(b"accept", b"a/b"), (b"x", b"y"), (b"accept", b"c/d")]}
    assert (header(given, b"accept"), header(given, b"cookie")) == ("a/b, c/d", "")
