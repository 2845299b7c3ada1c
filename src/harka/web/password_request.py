"""`/auth/password/reset`: a person asks for a link to set a password, on a page or by an app."""

from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.codec import json_bytes
from harka.errors import BadRequestError, HarkaError, NotFoundError, RateLimitedError
from harka.learning import password_request
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import page, read_form
from harka.web.graphql_request import header
from harka.web.json_body import read_json
from harka.web.visitor import visit

PATH: Final = "/auth/password/reset"
_ACCEPTED: Final = 202
_JSON: Final = "application/json"
_TITLE: Final = "Set a new password"


class _Asked(msgspec.Struct, frozen=True):
    email: str


class AskReset:
    """Answers the same whoever has the address, and nobody. Where no e-mail is sent there is no such way."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        if not self._runtime.mailer.is_open:
            raise NotFoundError
        if scope["method"] != "POST":
            response = await self._show(tenant, scope)
        elif header(scope, b"content-type").partition(";")[0].strip().lower() == _JSON:
            response = await self._ask_by_app(tenant, scope, receive)
        else:
            response = await self._ask(tenant, scope, receive)
        await response(scope, receive, send)

    async def _ask_by_app(self, tenant: TenantContext, scope: Scope, receive: Receive) -> Response:
        asked = await read_json(scope, receive, _Asked)
        await password_request.ask(self._runtime.entrance, tenant, asked.email, scope["harka"].address)
        return Response(json_bytes({}), _ACCEPTED, {"Cache-Control": "no-store"}, media_type=_JSON)

    async def _ask(self, tenant: TenantContext, scope: Scope, receive: Receive) -> Response:
        runtime = self._runtime
        email = (await read_form(runtime, tenant, scope, receive)).get("email", "")
        try:
            await password_request.ask(runtime.entrance, tenant, email, scope["harka"].address)
        except (BadRequestError, RateLimitedError) as error:
            scope["harka"].record.code = error.code
            return await self._show(tenant, scope, email, error)
        return await page(runtime, tenant, scope, "reset_asked", title="Look into your e-mail", email=email)

    async def _show(
        self, tenant: TenantContext, scope: Scope, email: str = "", error: HarkaError | None = None
    ) -> Response:
        return await page(
            self._runtime, tenant, scope, "reset_request", title=_TITLE, error=error, email=email
        )


def forgotten(runtime: Runtime) -> str:
    """The way there, as HTML; nothing where there is none."""
    if not runtime.mailer.is_open:
        return ""
    return f'<p><a href="{PATH}">Forgotten your password?</a></p>'
