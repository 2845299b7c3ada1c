"""What an HTTP request asks for, by the GraphQL over HTTP specification, and how it wants the answer."""

import enum
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from harka.codec import JsonDecodeError, from_json
from harka.errors import BadRequestError, NotAcceptableError, UnsupportedMediaTypeError
from harka.graph.execution import Request

_MOST_PARAMETERS = 20


class MediaType(enum.StrEnum):
    """What answers are written in. The order is the server's preference where the client has none."""

    JSON = "application/json"
    GRAPHQL = "application/graphql-response+json"
    EVENTS = "text/event-stream"
    HTML = "text/html"


class _Range(msgspec.Struct, frozen=True):
    type: str
    subtype: str
    quality: float

    def match(self, offered: str) -> int:
        """How exactly the range names `offered`; -1 when it does not."""
        type_, _, subtype = offered.partition("/")
        if self.type == "*":
            return 0
        if self.type != type_:
            return -1
        if self.subtype == "*":
            return 1
        return 2 if self.subtype == subtype else -1


def header(scope: Scope, name: bytes) -> str:
    """All values of a header, joined as one list; empty without it."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1")


def negotiate(accept: str, offered: Iterable[MediaType]) -> MediaType:
    """The offer that the client likes best. Raise `NotAcceptableError` when it likes none.

    `accept`: the header's value, empty when there is none.
    """
    offers = list(offered)
    if not accept.strip():
        return offers[0]
    ranges = [found for item in accept.split(",") if (found := _range(item)) is not None]
    qualities = [(_quality(ranges, offer), -place, offer) for place, offer in enumerate(offers)]
    quality, _, best = max(qualities)
    if quality[0] <= 0:
        raise NotAcceptableError
    return best


def _quality(ranges: list[_Range], offer: str) -> tuple[float, int]:
    """The quality of an offer by its most exact range, and how exact that is."""
    exactness, quality = max(((found.match(offer), found.quality) for found in ranges), default=(-1, 0.0))
    return (quality if exactness >= 0 else 0.0, exactness)


def _range(item: str) -> _Range | None:
    """None for what is no media range."""
    text, *parameters = (part.strip().lower() for part in item.split(";"))
    type_, slash, subtype = text.partition("/")
    if not slash or not type_ or not subtype:
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                return None
        elif name.strip() == "charset" and value.strip(' "') not in {"utf-8", "utf8"}:
            return None
    return _Range(type_, subtype, quality)


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Raise `BadRequestError` or `UnsupportedMediaTypeError` for what is no GraphQL request."""
    if scope["method"] == "GET":
        return _from_parameters(_parameters(scope["query_string"]))
    _require_json(scope)
    return _from_body(await _body(receive))


async def _body(receive: Receive) -> bytes:
    """Within the limit that the middleware keeps."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError("The request ended before its body did.")
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _require_json(scope: Scope) -> None:
    """No type that another site's page may send unasked is let in: that is the guard against CSRF."""
    text, *parameters = (part.strip().lower() for part in header(scope, b"content-type").split(";"))
    charset = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    if text != MediaType.JSON or any(name not in {"utf-8", "utf8"} for name in charset):
        raise UnsupportedMediaTypeError("The body must be application/json, in UTF-8.")
    if header(scope, b"content-encoding").lower() not in {"", "identity"}:
        raise UnsupportedMediaTypeError("The body must not be compressed.")


def _parameters(query_string: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise BadRequestError("The query string is malformed.") from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise BadRequestError("A parameter is given twice.")
    return parameters


def _from_parameters(parameters: Mapping[str, str]) -> Request:
    decoded: dict[str, Any] = dict(parameters)
    for name in ("variables", "extensions"):
        text = decoded.get(name)
        if text is not None:
            # empty means absent, as forms send it
            decoded[name] = _json(text.encode(), name) if text else None
    return request_of(decoded)


def _from_body(body: bytes) -> Request:
    if not body:
        raise BadRequestError("The body is empty.")
    decoded = _json(body, "The body")
    if isinstance(decoded, list):
        raise BadRequestError("Batches are not supported: send one operation a request.")
    return request_of(decoded)


def _json(text: bytes, what: str) -> Any:
    try:
        return from_json(text)
    except JsonDecodeError:
        raise BadRequestError(f"{what} is not valid JSON in UTF-8.") from None


def request_of(decoded: Any) -> Request:
    """From decoded JSON, of a body or of a socket's message. Raise `BadRequestError` naming what is wrong."""
    if not isinstance(decoded, dict):
        raise BadRequestError("A GraphQL request is a JSON object.")
    query = decoded.get("query")
    if not isinstance(query, str):
        raise BadRequestError("query must be a string.")
    variables = decoded.get("variables")
    if not isinstance(variables, dict | None):
        raise BadRequestError("variables must be an object.")
    name = decoded.get("operationName")
    if not isinstance(name, str | None):
        raise BadRequestError("operationName must be a string.")
    if not isinstance(decoded.get("extensions"), dict | None):
        raise BadRequestError("extensions must be an object.")
    return Request(query=query, variables=variables, operation_name=name or None)
