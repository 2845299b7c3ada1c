"""`/auth/sso/…`: to a provider and back, by plain links and one form; `/auth/discover`: to which."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.codec import json_bytes
from harka.errors import FeatureNotInPlanError, HarkaError, InvalidIdError, NotFoundError
from harka.ids import NodeKind
from harka.learning import sso_entrance
from harka.learning.entrance import Shown, working
from harka.learning.session import Begun
from harka.learning.sso_entrance import Arrived, Ask, Where
from harka.repositories.session import SessionKind
from harka.repositories.sso import SsoConnection, SsoState
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import page, read_form
from harka.web.cookie import (
    device_value,
    provider_cookie,
    provider_value,
    session_cookie,
    sso_cookie,
    sso_value,
)
from harka.web.graphql_request import header
from harka.web.json_body import read_json
from harka.web.middleware.security_headers import is_secure
from harka.web.place import SEE_OTHER, SIGN_IN, place
from harka.web.visitor import device_of, visit

_SERVER_ERROR: Final = 500
_LONGEST: Final = 4096
_NOT_IN_PLAN: Final = (
    "<p>A password still lets you in, and so may a passkey. An administrator can tell more.</p>"
)


class _Asked(msgspec.Struct, frozen=True):
    email: str


class SsoStart:
    """Sends a browser to the provider, with what it has to bring back in a cookie."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        next_ = place(Request(scope).query_params.get("next", ""))
        try:
            sent = await sso_entrance.begin(
                runtime.entrance, tenant, connection_of(runtime, tenant, scope), where_of(scope), next_
            )
        except HarkaError as error:
            response = await failed(runtime, tenant, scope, error)
        else:
            if isinstance(sent, Ask):
                response = await _ask_directory(runtime, tenant, scope, sent.name, next_)
            else:
                response = RedirectResponse(sent.address, SEE_OTHER)
                response.raw_headers.append(sso_cookie(scope, sent.cookie))
        await response(scope, receive, send)


class SsoCallback:
    """Where the provider sends the browser back to."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"])
        try:
            arrived = await sso_entrance.finish(
                runtime.entrance,
                tenant,
                connection_of(runtime, tenant, scope),
                _said(scope),
                sso_value(scope),
                where_of(scope).callback,
                device,
            )
        except HarkaError as error:
            response = await failed(runtime, tenant, scope, error)
            response.raw_headers.append(sso_cookie(scope, ""))
        else:
            response = await entered(runtime, tenant, scope, arrived)
        await response(scope, receive, send)


class SsoSignIn:
    """Takes what somebody is called in a directory, and their password there."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        fields = await read_form(runtime, tenant, scope, receive)
        login, next_ = fields.get("login", ""), place(fields.get("next", ""))
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"])
        id_ = connection_of(runtime, tenant, scope)
        try:
            arrived = await sso_entrance.enter(
                runtime.entrance, tenant, id_, login, fields.get("password", ""), next_, device
            )
        except HarkaError as error:
            if _is_final(error):
                response = await failed(runtime, tenant, scope, error)
            else:
                scope["harka"].record.code = error.code
                response = await _ask_directory(runtime, tenant, scope, "", next_, login=login, error=error)
        else:
            response = await entered(runtime, tenant, scope, arrived)
        await response(scope, receive, send)


class SsoLink:
    """Takes the password of somebody whose address is here already."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        fields = await read_form(runtime, tenant, scope, receive)
        shown = Shown(fields.get("email", ""), fields.get("password", ""), fields.get("code") or None)
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"], device_value(scope))
        try:
            begun, connection = await sso_entrance.link(
                runtime.entrance, tenant, sso_value(scope), shown, device
            )
        except HarkaError as error:
            if _is_final(error):
                response = await failed(runtime, tenant, scope, error)
            else:
                scope["harka"].record.code = error.code
                response = await _ask_password(runtime, tenant, scope, shown.email, error)
        else:
            id_ = runtime.node_ids.seal(tenant.id, NodeKind.SSO_CONNECTION, connection.id)
            response = _in(scope, begun, id_, place(""))
            response.raw_headers.append(sso_cookie(scope, ""))
        await response(scope, receive, send)


class SsoEnd:
    """Where somebody who came in by a provider is out here, and may end what they began there, too."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        back = f"{_origin(scope)}/auth/sign-in"
        id_, link = connection_of(runtime, tenant, scope), ""
        # they are out here whatever the plan has
        with contextlib.suppress(FeatureNotInPlanError):
            connection, address = await sso_entrance.end_address(runtime.entrance, tenant, id_, back)
            link = "" if address is None else _button(address, f"Sign out of {connection.name}, too")
        response = await page(
            runtime, tenant, scope, "sso_ended", title="Signed out", markup={"connection": link}
        )
        await response(scope, receive, send)


class Discover:
    """By which connection somebody comes in, for apps: told by the domain of their address alone."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        asked = await read_json(scope, receive, _Asked)
        async with working(runtime.entrance, tenant, read_only=True) as work:
            offered = await sso_entrance.offered(work)
            routed = await sso_entrance.route(work, asked.email)
        answer = {
            "connection": None if routed is None else _told(runtime, tenant, routed),
            "connections": [_told(runtime, tenant, each) for each in offered],
            "password": all(each.state != SsoState.ENFORCED for each in offered),
        }
        headers = {"Cache-Control": "no-store"}
        response = Response(json_bytes(answer), headers=headers, media_type="application/json")
        await response(scope, receive, send)


def end_of(runtime: Runtime, tenant: TenantContext, scope: Scope) -> str:
    """Where somebody is led who signed out: a path."""
    id_ = provider_value(scope)
    try:
        runtime.node_ids.open_as(tenant.id, NodeKind.SSO_CONNECTION, id_)
    except InvalidIdError:
        return SIGN_IN
    return f"/auth/sso/{id_}/end"


def buttons(runtime: Runtime, tenant: TenantContext, offered: Sequence[SsoConnection], next_: str) -> str:
    """A link for each connection, as HTML."""
    lines = []
    for each in offered:
        id_ = runtime.node_ids.seal(tenant.id, NodeKind.SSO_CONNECTION, each.id)
        lines.append(
            _button(f"/auth/sso/{id_}/start?next={quote(next_, safe='')}", f"Sign in with {each.name}")
        )
    return "\n".join(lines)


def _button(address: str, words: str) -> str:
    return f'<p><a class="button" href="{escape(address)}">{escape(words)}</a></p>'


def _told(runtime: Runtime, tenant: TenantContext, connection: SsoConnection) -> dict[str, str]:
    id_ = runtime.node_ids.seal(tenant.id, NodeKind.SSO_CONNECTION, connection.id)
    return {"name": connection.name, "start_path": f"/auth/sso/{id_}/start"}


def connection_of(runtime: Runtime, tenant: TenantContext, scope: Scope) -> UUID:
    try:
        return runtime.node_ids.open_as(tenant.id, NodeKind.SSO_CONNECTION, scope["path_params"]["id"])
    except InvalidIdError:
        raise NotFoundError from None


def where_of(scope: Scope) -> Where:
    return Where(_origin(scope), scope["path_params"]["id"])


def _origin(scope: Scope) -> str:
    return f"{'https' if is_secure(scope) else 'http'}://{header(scope, b'host')}"


def _said(scope: Scope) -> Mapping[str, str]:
    params = Request(scope).query_params
    return {name: params[name][:_LONGEST] for name in ("state", "code", "iss", "error") if name in params}


async def entered(runtime: Runtime, tenant: TenantContext, scope: Scope, arrived: Arrived) -> Response:
    """In, or asked for a password that links them."""
    if arrived.begun is None:
        response = await _ask_password(runtime, tenant, scope, arrived.email)
    else:
        response = _in(scope, arrived.begun, scope["path_params"]["id"], arrived.next)
    response.raw_headers.append(sso_cookie(scope, arrived.link))
    return response


def _in(scope: Scope, begun: Begun, connection: str, next_: str) -> Response:
    response = RedirectResponse(next_, SEE_OTHER)
    lifetime: timedelta = begun.session.ends_at - clock.now()
    response.raw_headers.append(session_cookie(scope, begun.token, lifetime))
    response.raw_headers.append(provider_cookie(scope, connection, lifetime))
    return response


def _is_final(error: HarkaError) -> bool:
    """Whether no other password would help."""
    return error.status >= _SERVER_ERROR or isinstance(error, NotFoundError | FeatureNotInPlanError)


async def failed(runtime: Runtime, tenant: TenantContext, scope: Scope, error: HarkaError) -> Response:
    if error.status >= _SERVER_ERROR or isinstance(error, NotFoundError):
        raise error
    hint = ""
    if isinstance(error, FeatureNotInPlanError):
        if "text/html" not in header(scope, b"accept"):
            # who asks for no page is told as everywhere else
            raise error
        hint = _NOT_IN_PLAN
    scope["harka"].record.code = error.code
    markup = {"hint": hint}
    return await page(runtime, tenant, scope, "sso_failed", title="Sign in", error=error, markup=markup)


async def _ask_directory(
    runtime: Runtime,
    tenant: TenantContext,
    scope: Scope,
    name: str,
    next_: str,
    *,
    login: str = "",
    error: HarkaError | None = None,
) -> Response:
    action = f"/auth/sso/{scope['path_params']['id']}/sign-in"
    title = f"Sign in with {name}" if name else "Sign in"
    return await page(
        runtime,
        tenant,
        scope,
        "sso_directory",
        title=title,
        error=error,
        action=action,
        login=login,
        next=next_,
    )


async def _ask_password(
    runtime: Runtime, tenant: TenantContext, scope: Scope, email: str, error: HarkaError | None = None
) -> Response:
    return await page(
        runtime, tenant, scope, "sso_link", title="Link your account", error=error, address=email
    )
