"""Failures as HTTP answers: the shape of a GraphQL error, whatever the path, so that a client parses one."""

import math

from starlette.exceptions import HTTPException
from starlette.responses import Response

from harka.codec import json_bytes
from harka.errors import (
    BadRequestError,
    HarkaError,
    InternalError,
    MethodNotAllowedError,
    NotFoundError,
    RangeNotSatisfiableError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)

_SERVER_ERROR = 500


def error_response(error: HarkaError, request_id: str) -> Response:
    shown = masked(error)
    body = error_body(shown, request_id)
    return Response(body, shown.status, error_headers(shown), media_type="application/json")


def error_body(shown: HarkaError, request_id: str) -> bytes:
    """`shown`: masked already."""
    extensions = {**shown.extensions(), "requestId": request_id}
    return json_bytes({"errors": [{"message": shown.message, "extensions": extensions}]})


def error_headers(error: HarkaError) -> dict[str, str]:
    """What tells the client what to do next."""
    match error:
        case RateLimitedError():
            return {"Retry-After": str(math.ceil(error.retry_after))}
        case UnavailableError():
            return {"Retry-After": "1"}
        case UnauthenticatedError():
            return {"WWW-Authenticate": "Bearer"}
        case MethodNotAllowedError():
            return {"Allow": error.allow}
        case RangeNotSatisfiableError():
            return {"Content-Range": f"bytes */{error.size}"}
        case _:
            return {}


def masked(error: BaseException) -> HarkaError:
    """What a client may know of `error`: of a bug only that there was one."""
    match error:
        case InternalError():
            return InternalError()
        case HarkaError():
            # a class outside the tree of harka.errors that forgot its status is a bug like any other
            return InternalError() if error.status == _SERVER_ERROR else error
        case HTTPException():
            return _from_starlette(error)
        case _:
            return InternalError()


def _from_starlette(error: HTTPException) -> HarkaError:
    match error.status_code:
        case 404:
            return NotFoundError()
        case 405:
            return MethodNotAllowedError(allow=(error.headers or {}).get("Allow", ""))
        case status if status < _SERVER_ERROR:
            return BadRequestError()
        case _:
            return InternalError()
