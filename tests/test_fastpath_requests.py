"""Requests read without the parser: nothing is taken that the parser would read otherwise."""

from importlib import import_module
from typing import Any

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harka import _fastpath_py as twin
from harka._fastpath_rules import MAX_PLAIN_HEAD_BYTES, MAX_PLAIN_HEADERS
from twins import FASTPATHS

START = b"POST /graphql HTTP/1.1\r\n"
PLAIN = [b"Host: a.harka.ai", b"content-type: application/json", b"X-Api-Key:hk_1", b"Content-Length: 5"]


@pytest.fixture(params=FASTPATHS)
def fast(request: pytest.FixtureRequest) -> Any:
    return import_module(f"harka.{request.param}")


def request(*lines: bytes, body: bytes = b"hello") -> bytes:
    return START + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def test_a_plain_request_is_its_headers_and_its_body(fast: Any) -> None:
    found = [
        (b"host", b"a.harka.ai"),
        (b"content-type", b"application/json"),
        (b"x-api-key", b"hk_1"),
        (b"content-length", b"5"),
    ]
    assert fast.split_request(START, request(*PLAIN)) == (found, b"hello")


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: Keep-Alive",
        b"Empty:",
        b"Empty:  ",
        b"Accept: a, b;q=0.1",
        b"Latin: \xe9",
        b"Host: again",
    ],
)
def test_these_are_plain_too(fast: Any, line: bytes) -> None:
    found = fast.split_request(START, request(*PLAIN, line))
    assert found is not None
    assert len(found[0]) == 5


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked",
        b"Content-Length: 5",
        b"Expect: 100-continue",
        b"Upgrade: websocket",
        b"Connection: close",
        b"Connection: keep-alive, upgrade",
        b"Name : value",
        b" folded: value",
        b"no colon",
        b": no name",
        b"Trailing: space ",
        b"Trailing: tab\t",
        b"In: a\tb",
        b"Bare: \r return",
        b"Bare: \n feed",
        b"Nul: \x00",
        b"Del: \x7f",
        b"N\xe4me: value",
    ],
)
def test_these_are_for_the_parser(fast: Any, line: bytes) -> None:
    assert fast.split_request(START, request(*PLAIN, line)) is None
    assert fast.split_request(START, request(line, *PLAIN)) is None


@pytest.mark.parametrize(
    "length", [b"", b"4", b"6", b"+5", b"-5", b"0x5", b"5 ", b"5,5", b"000000005", b"\xb2"]
)
def test_a_length_that_is_not_that_of_the_rest_is_for_the_parser(fast: Any, length: bytes) -> None:
    assert fast.split_request(START, request(b"Host: a", b"Content-Length: " + length)) is None


def test_a_part_of_a_request_is_for_the_parser(fast: Any) -> None:
    whole = request(*PLAIN)
    for cut in range(1, len(whole)):
        assert fast.split_request(START, whole[:-cut]) is None
        assert fast.split_request(START, whole + whole[:cut]) is None


@pytest.mark.parametrize(
    "start",
    [b"GET /graphql HTTP/1.1\r\n", b"POST /graphql HTTP/1.0\r\n", b"POST /graphql?a HTTP/1.1\r\n", b""],
)
def test_another_first_line_is_for_the_parser(fast: Any, start: bytes) -> None:
    assert fast.split_request(START, start + request(*PLAIN)[len(START) :]) is None


def test_heads_have_bounds(fast: Any) -> None:
    most = [b"a:"] * (MAX_PLAIN_HEADERS - 1)
    assert fast.split_request(START, request(b"content-length:5", *most)) is not None
    assert fast.split_request(START, request(b"content-length:5", *most, b"a:")) is None
    room = MAX_PLAIN_HEAD_BYTES - len(request(b"content-length:5", b"a:", body=b""))
    for size, fits in ((room, True), (room + 1, False)):
        found = fast.split_request(START, request(b"content-length:5", b"a:" + b"b" * size))
        assert (found is not None) is fits


@pytest.mark.parametrize("wrong", [None, "text", bytearray(b"x"), memoryview(b"x")])
def test_only_bytes_are_taken(fast: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="data"):
        fast.split_request(START, wrong)
    with pytest.raises(TypeError, match="start"):
        fast.split_request(wrong, b"")


names = st.sampled_from(
    [
        *(b"Host", b"content-length", b"Content-Length", b"CONTENT-LENGTH", b"transfer-encoding", b"te"),
        *(b"Expect", b"connection", b"Upgrade", b"X-API-Key", b"a", b"", b"a b", b"\x00", b"n\xc3"),
    ]
)
separators = st.sampled_from([b": ", b":", b" :", b":\t", b"", b"::", b":  "])
values = st.one_of(
    st.sampled_from(
        [b"0", b"2", b"5", b"02", b"keep-alive", b"Keep-Alive", b"close", b"chunked", b"", b"a "]
    ),
    st.binary(max_size=6),
)
ends = st.sampled_from([b"\r\n"] * 9 + [b"\n", b"\r", b"\r\r\n", b"\r\n ", b""])
lines = st.lists(st.tuples(names, separators, values, ends).map(b"".join), max_size=6).map(b"".join)
bodies = st.sampled_from([b"", b"{}", b"hello", b"\r\n", START])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    body = draw(bodies)
    length = b"Content-Length: %d\r\n" % len(body) if draw(st.booleans()) else b""
    return START + draw(lines) + length + draw(lines) + draw(st.sampled_from([b"\r\n", b"\n", b""])) + body


class Parsed:
    """What httptools makes of a message."""

    def __init__(self, data: bytes) -> None:
        self.url, self.body = b"", b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.messages = 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method()
        self.keeps = parser.should_keep_alive()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


@settings(deadline=None, max_examples=2000)
@given(messages())
def test_what_is_taken_is_what_the_parser_reads(data: bytes) -> None:
    found = twin.split_request(START, data)
    for name in FASTPATHS:
        implementation: Any = import_module(f"harka.{name}")
        assert implementation.split_request(START, data) == found
    if found is not None:
        parsed = Parsed(data)
        assert (parsed.method, parsed.url, parsed.messages) == (b"POST", b"/graphql", 1)
        assert (parsed.headers, parsed.body) == found
        assert parsed.keeps
