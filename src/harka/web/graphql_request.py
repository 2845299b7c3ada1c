"""What an HTTP request asks for, by the GraphQL over HTTP specification, and how it wants the answer."""

import enum
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta
from starlette.types import Receive, Scope

from harka.codec import JsonDecodeError, from_json
from harka.errors import BadRequestError, NotAcceptableError, UnsupportedMediaTypeError
from harka.graph.request import Request
from harka.learning import idempotency

_IDEMPOTENCY_KEY: Final = b"idempotency-key"
_TELLS_COST: Final = b"graphql-cost"
CLIENT_NAME: Final = b"x-client-name"
"""How a client's program calls itself: for metrics alone."""
REPLAYED: Final = (b"idempotency-replayed", b"true")

_MOST_PARAMETERS = 20
# made once: a union made on the spot costs as much as decoding a small body
_OBJECT: Final = (dict, NoneType)
_NAME: Final = (str, NoneType)
# what clients send in practice is shorter and repeats; longer values are parsed each time, so that nobody
# can fill memory with them
_REMEMBERED_CHARACTERS: Final = 256
_REMEMBERED: Final = 256
_SHA_256: Final = re.compile(r"[0-9A-Fa-f]{64}")


# What this decoder and `from_json`, which makes floats of numbers beyond 64 bits, read alike. What is larger
# or nested deeper goes the long way.
_Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Leaf = None | bool | _Number | float | str
_Shallow = _Leaf | list[_Leaf] | dict[str, _Leaf]
_Deeper = _Leaf | list[_Shallow] | dict[str, _Shallow]
_Value = _Leaf | list[_Deeper] | dict[str, _Deeper]


class _Asked(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A request as nearly every client writes it."""

    query: str
    variables: dict[str, _Value] | None = None
    operation_name: str | None = None
    extensions: dict[str, _Value] | None = None


_ASKED: Final = msgspec.json.Decoder(_Asked)


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


def fields_of(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; the values of a repeated one joined as one list."""
    fields = dict(headers)
    if len(fields) == len(headers):
        return fields
    return {name: b", ".join(value for key, value in headers if key == name) for name in fields}


def negotiate(accept: str, offered: Iterable[MediaType]) -> MediaType:
    """The offer that the client likes best. Raise `NotAcceptableError` when it likes none.

    `accept`: the header's value, empty when there is none.
    """
    media = preferred(accept, tuple(offered))
    if media is None:
        raise NotAcceptableError
    return media


def preferred(accept: str, offered: tuple[MediaType, ...]) -> MediaType | None:
    """Like `negotiate`; None when the client likes none."""
    if len(accept) > _REMEMBERED_CHARACTERS:
        return _preferred(accept, offered)
    return _remembered_preference(accept, offered)


def _preferred(accept: str, offered: tuple[MediaType, ...]) -> MediaType | None:
    if not accept.strip():
        return offered[0]
    ranges = [found for item in accept.split(",") if (found := _range(item)) is not None]
    qualities = [(_quality(ranges, offer), -place, offer) for place, offer in enumerate(offered)]
    quality, _, best = max(qualities)
    return best if quality[0] > 0 else None


_remembered_preference = functools.lru_cache(_REMEMBERED)(_preferred)


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


def asked_of(scope: Scope, body: bytes) -> Request:
    """Raise `BadRequestError` or `UnsupportedMediaTypeError` for what is no GraphQL request."""
    if scope["method"] == "GET":
        return completed(_from_parameters(_parameters(scope["query_string"])), fields_of(scope["headers"]))
    require_json(header(scope, b"content-type"), header(scope, b"content-encoding"))
    return completed(request_from(body), fields_of(scope["headers"]))


def completed(request: Request, fields: Mapping[bytes, bytes]) -> Request:
    """With what headers say of it. Raise `BadRequestError` when an `Idempotency-Key` is none."""
    if _TELLS_COST in fields:
        request = msgspec.structs.replace(request, tells_cost=fields[_TELLS_COST] != b"0")
    return _keyed(request, fields[_IDEMPOTENCY_KEY]) if _IDEMPOTENCY_KEY in fields else request


def _keyed(request: Request, header: bytes) -> Request:
    text = header.decode("latin-1")
    # by the draft a string in quotes, in practice the bare key
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    key = idempotency.accepted(text[1:-1] if quoted else text)
    if request.idempotency_key not in {None, key}:
        raise BadRequestError("Idempotency-Key and extensions.idempotencyKey differ.")
    return msgspec.structs.replace(request, idempotency_key=key)


async def read_body(receive: Receive) -> bytes:
    """Within the limit that the middleware keeps."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError("The request ended before its body did.")
        # not kept in pieces, which may weigh many times what is in them
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def require_json(content_type: str, encoding: str) -> None:
    """No type that another site's page may send unasked is let in: that is the guard against CSRF."""
    short = len(content_type) <= _REMEMBERED_CHARACTERS
    if not (_remembered_is_json if short else _is_json)(content_type):
        raise UnsupportedMediaTypeError("The body must be application/json, in UTF-8.")
    if encoding.lower() not in {"", "identity"}:
        raise UnsupportedMediaTypeError("The body must not be compressed.")


def _is_json(content_type: str) -> bool:
    text, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    return text == MediaType.JSON and all(name in {"utf-8", "utf8"} for name in charset)


_remembered_is_json = functools.lru_cache(_REMEMBERED)(_is_json)


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


def request_from(body: bytes) -> Request:
    """Of a body, which tells the cost unless it says not to. Raise `BadRequestError` naming what is wrong."""
    try:
        asked = _ASKED.decode(body)
    except (msgspec.MsgspecError, ValueError):
        return request_from_any(body)
    if asked.extensions:
        return request_from_any(body)
    return Request(
        query=asked.query,
        variables=asked.variables,
        operation_name=asked.operation_name or None,
        tells_cost=True,
    )


def request_from_any(body: bytes) -> Request:
    """The long way, which also says what is wrong."""
    if not body:
        raise BadRequestError("The body is empty.")
    decoded = _json(body, "The body")
    if isinstance(decoded, list):
        raise BadRequestError("Batches are not supported: send one operation a request.")
    return request_of(decoded, tells_cost=True)


def _json(text: bytes, what: str) -> Any:
    try:
        return from_json(text)
    except JsonDecodeError:
        raise BadRequestError(f"{what} is not valid JSON in UTF-8.") from None


def request_of(decoded: Any, *, tells_cost: bool = False) -> Request:
    """From decoded JSON, of a body or of a socket's message. Raise `BadRequestError` naming what is wrong.

    `tells_cost`: where the request's extensions do not say.
    """
    if not isinstance(decoded, dict):
        raise BadRequestError("A GraphQL request is a JSON object.")
    extensions = decoded.get("extensions")
    if not isinstance(extensions, _OBJECT):
        raise BadRequestError("extensions must be an object.")
    persisted = _persisted(extensions)
    query = decoded.get("query")
    if query is None and persisted is not None:
        query = ""
    if not isinstance(query, str):
        raise BadRequestError("query must be a string.")
    variables = decoded.get("variables")
    if not isinstance(variables, _OBJECT):
        raise BadRequestError("variables must be an object.")
    name = decoded.get("operationName")
    if not isinstance(name, _NAME):
        raise BadRequestError("operationName must be a string.")
    return Request(
        query=query,
        persisted=persisted,
        variables=variables,
        operation_name=name or None,
        idempotency_key=_idempotency_key(extensions),
        tells_cost=_tells_cost(extensions, usually=tells_cost),
    )


def _tells_cost(extensions: dict[str, Any] | None, *, usually: bool) -> bool:
    said = extensions.get("cost") if extensions else None
    return usually if said is None else said is True


def _idempotency_key(extensions: dict[str, Any] | None) -> str | None:
    """For whoever cannot send the header, as in a socket."""
    key = extensions.get("idempotencyKey") if extensions else None
    if key is None:
        return None
    if not isinstance(key, str):
        raise BadRequestError("extensions.idempotencyKey must be a string.")
    return idempotency.accepted(key)


def _persisted(extensions: dict[str, Any] | None) -> str | None:
    """The hash by which a document is named."""
    named = extensions.get("persistedQuery") if extensions else None
    if named is None:
        return None
    sha256 = named.get("sha256Hash") if isinstance(named, dict) and named.get("version") == 1 else None
    if not isinstance(sha256, str) or not _SHA_256.fullmatch(sha256):
        raise BadRequestError(
            "extensions.persistedQuery must have version 1 and a sha256Hash of 64 hex digits."
        )
    return sha256.lower()
