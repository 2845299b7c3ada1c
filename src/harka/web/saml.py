"""`/auth/saml/…`: what a SAML provider reads of us, where it has a browser post, and where that leads."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka.auth.saml import LONGEST_RESPONSE
from harka.errors import BadRequestError, HarkaError, PayloadTooLargeError, UnsupportedMediaTypeError
from harka.learning import saml_entrance
from harka.repositories.session import SessionKind
from harka.runtime import Runtime
from harka.web.auth_page import FORM
from harka.web.cookie import saml_cookie, saml_value, sso_cookie, sso_value
from harka.web.graphql_request import header, read_body
from harka.web.place import SEE_OTHER, place
from harka.web.sso import connection_of, entered, failed, where_of
from harka.web.visitor import device_of, visit

_LONGEST_FORM: Final = 2 * LONGEST_RESPONSE
"""Bytes: a form may write a character of base64 as three."""
_MOST_FIELDS: Final = 8


class SamlMetadata:
    """Ours for one connection's provider, as XML."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        id_ = connection_of(runtime, tenant, scope)
        told = await saml_entrance.metadata(runtime.entrance, tenant, id_, where_of(scope))
        await Response(told, media_type="application/samlmetadata+xml")(scope, receive, send)


class SamlAcs:
    """Takes what a provider's page posts: the assertion consumer service."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        id_ = connection_of(runtime, tenant, scope)
        fields = await _posted(scope, receive)
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"])
        next_ = place(fields.get("RelayState", ""))
        try:
            passed = await saml_entrance.arrive(
                runtime.entrance, tenant, id_, fields.get("SAMLResponse", ""), where_of(scope), next_, device
            )
        except HarkaError as error:
            response = await failed(runtime, tenant, scope, error)
        else:
            # to where browsers send our cookies, which they do not with what another site has them post
            response = RedirectResponse(f"/auth/saml/{scope['path_params']['id']}/enter", SEE_OTHER)
            response.raw_headers.append(saml_cookie(scope, passed))
        await response(scope, receive, send)


class SamlEnter:
    """Where the browser that began comes for what was passed."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        id_ = connection_of(runtime, tenant, scope)
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"])
        try:
            arrived = await saml_entrance.enter(
                runtime.entrance, tenant, id_, saml_value(scope), sso_value(scope), device
            )
        except HarkaError as error:
            response = await failed(runtime, tenant, scope, error)
            response.raw_headers.append(sso_cookie(scope, ""))
        else:
            response = await entered(runtime, tenant, scope, arrived)
        response.raw_headers.append(saml_cookie(scope, ""))
        await response(scope, receive, send)


async def _posted(scope: Scope, receive: Receive) -> Mapping[str, str]:
    """The fields of another site's form, each once. Raise `BadRequestError`."""
    if header(scope, b"content-type").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaTypeError(f"The body must be {FORM}.")
    body = await read_body(receive)
    if len(body) > _LONGEST_FORM:
        raise PayloadTooLargeError
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequestError from None
    if len(dict(pairs)) < len(pairs):
        raise BadRequestError
    return dict(pairs)
