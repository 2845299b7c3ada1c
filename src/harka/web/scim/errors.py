"""Failures as SCIM tells them (RFC 7644, section 3.12), whatever raised them."""

from typing import Any, Final

from starlette.responses import Response

from harka.codec import json_bytes
from harka.errors import (
    BadRequestError,
    HarkaError,
    ScimRequestError,
    TakenError,
)
from harka.learning.scim_group import TooManyMembersError
from harka.storage.session import UniqueError
from harka.web.errors import error_headers, masked

PATH: Final = "/scim"
MEDIA_TYPE: Final = "application/scim+json"
_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_TAKEN: Final = 409


def is_scim(path: str) -> bool:
    """Whether what is asked for there is answered in SCIM's words."""
    return path == PATH or path.startswith(f"{PATH}/")


def error_response(error: HarkaError) -> Response:
    shown = masked(error)
    body = error_body(shown)
    return Response(
        json_bytes(body), int(body["status"]), error_headers(shown), media_type=f"{MEDIA_TYPE}; charset=utf-8"
    )


def error_body(shown: HarkaError) -> dict[str, Any]:
    """`shown`: masked already."""
    kind = _kind(shown)
    status = _TAKEN if kind == "uniqueness" else shown.status
    detail = shown.message if shown.field is None else f"{shown.field}: {shown.message}"
    told = {"schemas": [_SCHEMA], "status": str(status), "detail": detail}
    return told if kind is None else {**told, "scimType": kind}


def _kind(error: HarkaError) -> str | None:
    match error:
        case ScimRequestError():
            return error.kind
        case TakenError() | UniqueError():
            return "uniqueness"
        case TooManyMembersError():
            return "tooMany"
        case BadRequestError():
            return "invalidValue"
        case _:
            return None
