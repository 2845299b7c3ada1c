"""`GET /files/branding/<hash>`: a logo or an icon of the organization at whose address it is asked for."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.errors import NotFoundError
from harka.learning import branding
from harka.learning.work import unit_of_work
from harka.repositories.branding_asset import BrandingAsset
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext

_HEADERS: Final = {
    # the address is the hash of the content
    "Cache-Control": "public, max-age=31536000, immutable",
    # opened by itself it is a document of the organization's origin: it may do nothing there
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
}


class BrandingFiles:
    """Stands behind the tenant door; pages show pictures to people who have not signed in, so anybody may."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, tenant = Request(scope, receive), scope["harka"].tenant
        found = await self._find(tenant, request.path_params["hash"])
        if found is None:
            raise NotFoundError
        tag = f'"{found.hash}"'
        headers = {**_HEADERS, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            response = Response(status_code=304, headers=headers)
        else:
            response = Response(found.content, headers=headers, media_type=found.media_type)
        await response(scope, receive, send)

    async def _find(self, tenant: TenantContext, hash_: str) -> BrandingAsset | None:
        runtime = self._runtime
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            tenant,
            read_only=True,
        ) as work:
            return await branding.find_asset(work, hash_)
