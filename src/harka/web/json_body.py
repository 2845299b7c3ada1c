"""Small bodies in JSON, of what is no GraphQL."""

from typing import Final, TypeVar

import msgspec
from starlette.types import Receive, Scope

from harka.errors import BadRequestError
from harka.web.graphql_request import header, read_body, require_json

_LONGEST: Final = 8192

T = TypeVar("T")


async def read_json(scope: Scope, receive: Receive, type_: type[T]) -> T:
    """Raise `UnsupportedMediaTypeError`, and `BadRequestError` for whatever else is wrong with it."""
    require_json(header(scope, b"content-type"), header(scope, b"content-encoding"))
    body = await read_body(receive)
    try:
        if len(body) > _LONGEST:
            raise BadRequestError
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadRequestError from None
