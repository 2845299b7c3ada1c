"""`/auth/unsubscribe`: no more e-mails of a kind, for who has one of them, signed in or not (RFC 8058)."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.auth.mail_token import open_unsubscribe_token
from harka.errors import HarkaError, NotFoundError
from harka.learning import mail_topic
from harka.learning.mail import MailTopic
from harka.learning.work import unit_of_work
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import page
from harka.web.graphql_request import read_body
from harka.web.visitor import visit

_ABOUT: Final[Mapping[str, str]] = {
    MailTopic.HEALTH_ALERTS: "e-mails about what needs attention",
    MailTopic.CERTIFICATES: "e-mails about new certificates",
}


class Unsubscribe:
    """A GET only shows a button: programs that look into e-mails follow every link. A POST does it.

    The link says who, and allows nothing else, so neither a cookie nor a form of ours is asked for: mail
    programs send `List-Unsubscribe=One-Click` from wherever they are.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        token = Request(scope).query_params.get("token", "")
        opened = open_unsubscribe_token(self._runtime.keyring.mail, tenant.id, token)
        if opened is None or opened[1] not in _ABOUT:
            error = NotFoundError("This link is none of ours.")
            scope["harka"].record.code = error.code
            response = await self._show(tenant, scope, "unsubscribed", "", error=error)
        elif scope["method"] == "POST":
            # whatever it says; the door bounds it
            await read_body(receive)
            await self._refuse(tenant, opened[0], MailTopic(opened[1]))
            response = await self._show(
                tenant, scope, "unsubscribed", f"You get no more {_ABOUT[opened[1]]}."
            )
        else:
            about = f"Do you want no more {_ABOUT[opened[1]]}?"
            response = await self._show(tenant, scope, "unsubscribe", about, token=token)
        await response(scope, receive, send)

    async def _refuse(self, tenant: TenantContext, user: UUID, topic: MailTopic) -> None:
        runtime = self._runtime
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            tenant,
            read_only=False,
        ) as work:
            await mail_topic.refuse(work, user, topic)

    async def _show(
        self,
        tenant: TenantContext,
        scope: Scope,
        name: str,
        about: str,
        *,
        token: str = "",
        error: HarkaError | None = None,
    ) -> Response:
        return await page(
            self._runtime,
            tenant,
            scope,
            name,
            title="E-mails",
            error=error,
            about=about,
            token=token,
        )
