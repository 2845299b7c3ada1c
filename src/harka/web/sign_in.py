"""`/auth/sign-in`, `/auth/sign-out`, `/auth/reset`: pages for people, without a script."""

from datetime import timedelta
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.errors import BadRequestError, HarkaError, NotFoundError
from harka.learning import entrance, password, sso_entrance
from harka.learning.entrance import Shown
from harka.learning.work import unit_of_work
from harka.repositories.session import SessionKind
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import page, read_form
from harka.web.cookie import device_cookie, device_value, provider_cookie, session_cookie
from harka.web.password_request import forgotten
from harka.web.place import SEE_OTHER, SIGN_IN, place
from harka.web.sso import buttons, end_of
from harka.web.visitor import device_of, is_signed_out, known, visit

_SERVER_ERROR: Final = 500


class SignIn:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        if scope["method"] == "POST":
            response = await self._enter(tenant, scope, receive)
        else:
            response = await self._show(tenant, scope, Request(scope).query_params.get("next", ""))
            if await is_signed_out(self._runtime, scope["harka"], scope["headers"]):
                # the page's own pictures would be refused along with it
                response.raw_headers.append(session_cookie(scope, "", timedelta(0)))
        await response(scope, receive, send)

    async def _enter(self, tenant: TenantContext, scope: Scope, receive: Receive) -> Response:
        runtime = self._runtime
        fields = await read_form(runtime, tenant, scope, receive)
        shown = Shown(fields.get("email", ""), fields.get("password", ""), fields.get("code") or None)
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"], device_value(scope))
        try:
            begun = await entrance.sign_in(runtime.entrance, tenant, shown, device)
        except HarkaError as error:
            if error.status >= _SERVER_ERROR:
                raise
            scope["harka"].record.code = error.code
            return await self._show(tenant, scope, fields.get("next", ""), shown.email, error)
        response = RedirectResponse(place(fields.get("next", "")), SEE_OTHER)
        lifetime = begun.session.ends_at - clock.now()
        response.raw_headers.append(session_cookie(scope, begun.token, lifetime))
        response.raw_headers.append(provider_cookie(scope, "", timedelta(0)))
        tokens = entrance.device_tokens(runtime.entrance, tenant, shown.email, device.token)
        response.raw_headers.append(device_cookie(scope, tokens))
        return response

    async def _show(
        self,
        tenant: TenantContext,
        scope: Scope,
        next_: str,
        email: str = "",
        error: HarkaError | None = None,
    ) -> Response:
        runtime = self._runtime
        async with entrance.working(runtime.entrance, tenant, read_only=True) as work:
            offered = await sso_entrance.offered(work)
        return await page(
            runtime,
            tenant,
            scope,
            "sign_in",
            title="Sign in",
            error=error,
            markup={
                "connections": buttons(runtime, tenant, offered, place(next_)),
                "forgotten": forgotten(runtime),
            },
            email=email,
            next=place(next_),
        )


class SignOut:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, request = self._runtime, scope["harka"]
        tenant = await visit(runtime, request, scope["headers"])
        person = await known(runtime, request, scope["headers"])
        if scope["method"] == "POST":
            await read_form(runtime, tenant, scope, receive)
            if person is not None:
                await entrance.sign_out(runtime.entrance, person)
            response: Response = RedirectResponse(end_of(runtime, tenant, scope), SEE_OTHER)
            response.raw_headers.append(session_cookie(scope, "", timedelta(0)))
            response.raw_headers.append(provider_cookie(scope, "", timedelta(0)))
        elif person is None or person.user is None:
            response = RedirectResponse(SIGN_IN, SEE_OTHER)
        else:
            response = await page(
                runtime, tenant, scope, "sign_out", title="Sign out", email=person.user.email
            )
        await response(scope, receive, send)


class ResetPassword:
    """With the token that an admin or an e-mail brought, as `/auth/reset?token=…`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        if scope["method"] == "POST":
            response = await self._set(tenant, scope, receive)
        else:
            response = await self._show(tenant, scope, Request(scope).query_params.get("token", ""))
        await response(scope, receive, send)

    async def _set(self, tenant: TenantContext, scope: Scope, receive: Receive) -> Response:
        runtime = self._runtime
        fields = await read_form(runtime, tenant, scope, receive)
        token = fields.get("token", "")
        try:
            async with entrance.working(runtime.entrance, tenant, read_only=True) as work:
                await password.require_reset(work, token)
            await entrance.take(runtime.entrance, tenant, entrance.OF_LINK, token)
            typed = fields.get("password", "")
            chosen = await password.choose(runtime.hasher, runtime.breaches, tenant, typed)
            async with unit_of_work(
                runtime.databases,
                runtime.cache,
                runtime.pubsub,
                tenant,
                read_only=False,
            ) as work:
                email = await password.reset(work, token, chosen)
        except (BadRequestError, NotFoundError) as error:
            scope["harka"].record.code = error.code
            return await self._show(tenant, scope, token, error)
        response = RedirectResponse(SIGN_IN, SEE_OTHER)
        # a way in while others guess, on a device that is new
        tokens = entrance.device_tokens(runtime.entrance, tenant, email, device_value(scope))
        response.raw_headers.append(device_cookie(scope, tokens))
        return response

    async def _show(
        self, tenant: TenantContext, scope: Scope, token: str, error: HarkaError | None = None
    ) -> Response:
        return await page(
            self._runtime, tenant, scope, "reset", title="Set a password", error=error, token=token
        )


class Styles:
    """`/auth/pages.css`, read once."""

    def __init__(self) -> None:
        self._content = (resources.files("harka.web") / "pages" / "pages.css").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Cache-Control": "no-cache"}
        await Response(self._content, headers=headers, media_type="text/css")(scope, receive, send)
