"""`GET /files/certificates/<link>`: a certificate as a PDF. The link is the permission; `graph` makes it."""

import re
from functools import partial
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.errors import NotFoundError
from harka.files.typeset import UnprintableError
from harka.learning.certificate_sheet import Sheet, sheet
from harka.learning.work import unit_of_work
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.middleware.tenant_door import metered

_PATH: Final = re.compile(r"certificates/([0-9a-f]{32})\.pdf")


class CertificateFiles:
    """Stands behind the tenant door."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, tenant = Request(scope, receive), scope["harka"].tenant
        response = await metered(self._runtime, tenant, lambda: self._answer(tenant, request))
        await response(scope, receive, send)

    async def _answer(self, tenant: TenantContext, request: Request) -> Response:
        link = self._runtime.files.open_link(tenant.id, request.path_params["link"]).path
        found = _PATH.fullmatch(link)
        if found is None:
            raise NotFoundError
        printed = await self._sheet(tenant, UUID(hex=found[1]))
        headers = {
            "Content-Disposition": f'attachment; filename="certificate-{printed.serial[:8]}.pdf"',
            "Cache-Control": "private, no-store",
        }
        content = await self._pdf(tenant, printed)
        if request.method != "HEAD":
            # of a HEAD nothing is sent
            await self._runtime.admission.take_bandwidth(tenant.organization, len(content))
            self._runtime.requests.note_download(tenant.id, len(content))
        return Response(content, headers=headers, media_type="application/pdf")

    async def _sheet(self, tenant: TenantContext, id_: UUID) -> Sheet:
        runtime = self._runtime
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            tenant,
            read_only=True,
        ) as work:
            return await sheet(work, id_, runtime.settings.platform_domain)

    async def _pdf(self, tenant: TenantContext, printed: Sheet) -> bytes:
        admission = self._runtime.admission
        # threads set it, at times for longer than anybody waits: that is in no step of the request
        spent = partial(admission.owe, admission.allowance(tenant.organization), 0.0)
        set_ = partial(self._runtime.typesetter.pdf, "certificate", moment=printed.issued_at, spent=spent)
        try:
            return await set_(printed.data)
        except UnprintableError:
            # a logo whose beginning looked like one; a certificate is worth more than it
            return await set_({**printed.data, "logo": None})
