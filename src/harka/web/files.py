"""`GET /files/<link>`: a file of the tenant at whose address the link is opened."""

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from harka.errors import NotFoundError
from harka.runtime import Runtime


class Files:
    """Stands behind the tenant door. The link is the permission: signed, expiring, its tenant's alone."""

    def __init__(self, runtime: Runtime) -> None:
        self._files = runtime.files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        tenant = scope["harka"].tenant.id
        path = self._files.open_link(tenant, request.path_params["link"])
        found = await self._files.find(tenant, path)
        if found is None:
            raise NotFoundError
        name = path.rpartition("/")[2]
        headers = {
            "Content-Length": str(found.size),
            # never shown in the page's own origin, whatever a tenant stored
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        }
        response = StreamingResponse(
            self._files.read(tenant, path), headers=headers, media_type="application/octet-stream"
        )
        await response(scope, receive, send)
