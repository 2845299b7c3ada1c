"""`/auth/oidc/{id}/backchannel`: a provider ends sessions, from server to server."""

from typing import Final
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.codec import json_bytes
from harka.errors import BadRequestError, SsoRefusedError, UnavailableError, UnsupportedMediaTypeError
from harka.learning import sso_logout
from harka.runtime import Runtime
from harka.web.auth_page import FORM
from harka.web.graphql_request import header, read_body
from harka.web.sso import connection_of
from harka.web.visitor import visit

_LONGEST: Final = 16_384
_OK: Final = 200
_REFUSED: Final = 400


class BackchannelLogout:
    """Answers as the specification says: 200, or 400 with an OAuth error. Why is in `ssoAttempts`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        id_ = connection_of(runtime, tenant, scope)
        token = await _token(scope, receive)
        status, said = _OK, b""
        try:
            await sso_logout.end(runtime.entrance, tenant, id_, token)
        except (SsoRefusedError, UnavailableError) as error:
            scope["harka"].record.code = error.code
            status = _REFUSED if isinstance(error, SsoRefusedError) else error.status
            said = json_bytes({"error": "invalid_request"})
        headers = {"Cache-Control": "no-store"}
        await Response(said, status, headers, media_type="application/json")(scope, receive, send)


async def _token(scope: Scope, receive: Receive) -> str:
    if header(scope, b"content-type").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaTypeError(f"The body must be {FORM}.")
    body = await read_body(receive)
    try:
        told = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=8) if body else {}
    except ValueError:
        raise BadRequestError from None
    tokens = told.get("logout_token", [])
    if len(body) > _LONGEST or len(tokens) != 1:
        raise BadRequestError
    return tokens[0]
