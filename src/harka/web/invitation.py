"""`/auth/invitation`: whoever was invited comes in, with a name and a password."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka.errors import BadRequestError, ConflictError, HarkaError, NotFoundError, PlanLimitError
from harka.learning import entrance, invitation, password
from harka.learning.work import unit_of_work
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import page, read_form
from harka.web.cookie import device_cookie, device_value
from harka.web.visitor import visit

_SIGN_IN: Final = "/auth/sign-in"
_SEE_OTHER: Final = 303
# what the page tells, and who reads it can mend or ask about
_TOLD: Final = (BadRequestError, NotFoundError, ConflictError, PlanLimitError)


class AcceptInvitation:
    """With the token that an e-mail, or an admin, brought: `/auth/invitation?token=…`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        if scope["method"] == "POST":
            response = await self._accept(tenant, scope, receive)
        else:
            response = await self._show(tenant, scope, Request(scope).query_params.get("token", ""))
        await response(scope, receive, send)

    async def _accept(self, tenant: TenantContext, scope: Scope, receive: Receive) -> Response:
        runtime = self._runtime
        fields = await read_form(runtime, tenant, scope, receive)
        token, name = fields.get("token", ""), fields.get("name", "")
        try:
            async with entrance.working(runtime.entrance, tenant, read_only=True) as work:
                await invitation.require_open(work, token)
            await entrance.take(runtime.entrance, tenant, entrance.OF_LINK, token)
            typed = fields.get("password", "")
            chosen = await password.choose(runtime.hasher, runtime.breaches, tenant, typed, name)
            async with unit_of_work(
                runtime.databases,
                runtime.cache,
                runtime.pubsub,
                tenant,
                read_only=False,
                outside=runtime.outside,
            ) as work:
                _, person = await invitation.accept(work, token, name=name, chosen=chosen)
        except _TOLD as error:
            scope["harka"].record.code = error.code
            return await self._show(tenant, scope, token, name, error)
        response = RedirectResponse(_SIGN_IN, _SEE_OTHER)
        tokens = entrance.device_tokens(runtime.entrance, tenant, person.email, device_value(scope))
        response.raw_headers.append(device_cookie(scope, tokens))
        return response

    async def _show(
        self,
        tenant: TenantContext,
        scope: Scope,
        token: str,
        name: str = "",
        error: HarkaError | None = None,
    ) -> Response:
        return await page(
            self._runtime,
            tenant,
            scope,
            "invitation",
            title="Accept the invitation",
            error=error,
            token=token,
            person=name,
        )
