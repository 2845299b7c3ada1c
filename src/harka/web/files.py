"""`/files/<link>`: a file of the tenant at whose address the link is opened is read, or written.

The link is the permission: signed, expiring, its tenant's alone, made for one of the two.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.errors import BadRequestError, DeadlineExceededError, NotFoundError, PayloadTooLargeError
from harka.files import media
from harka.files.link import Link
from harka.files.store import ADDRESS
from harka.runtime import Runtime
from harka.web.byte_range import span_of
from harka.web.middleware.request_scope import leave

_PLAIN: Final = "application/octet-stream"


def is_upload(scope: Scope) -> bool:
    """Its body is as long as its link says, and takes as long."""
    return scope.get("method") == "PUT" and scope["path"].startswith(ADDRESS)


class Files:
    """Stands behind the tenant door."""

    def __init__(self, runtime: Runtime) -> None:
        self._files = runtime.files
        self._requests = runtime.requests
        self._admission = runtime.admission
        self._patience = runtime.settings.request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # bytes flow for as long as the client likes: they are no operation
        leave(scope["harka"])
        request = Request(scope, receive)
        if request.method == "PUT":
            await (await self._write(request))(scope, receive, send)
        else:
            await self._read(request, send)

    async def _read(self, request: Request, send: Send) -> None:
        organization = request.scope["harka"].tenant.organization
        tenant = organization.id
        link = self._files.open_link(tenant, request.path_params["link"])
        found = await self._files.find(tenant, link.path)
        if found is None:
            raise NotFoundError
        span = span_of(request.headers.get("range"), found.size)
        begin, end = span or (0, found.size)
        headers = {
            "Content-Length": str(end - begin),
            "Accept-Ranges": "bytes",
            # never shown in the page's own origin, whatever a tenant stored
            "Content-Disposition": _disposition(link),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        }
        if span is not None:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{found.size}"
        shape: dict[str, Any] = {
            "status_code": 200 if span is None else 206,
            "headers": headers,
            "media_type": _content_type(link.media_type),
        }
        if request.method == "HEAD":
            await Response(**shape)(request.scope, request.receive, send)
            return
        asked = left = end - begin

        async def counted() -> AsyncIterator[bytes]:
            """What is asked for, and no more, is a download of the tenant's."""
            nonlocal left
            async for piece in self._files.read(tenant, link.path, span):
                self._requests.note_download(tenant, len(piece))
                left -= len(piece)
                yield piece

        allowance = await self._admission.begin_download(organization, asked)
        try:
            await StreamingResponse(counted(), **shape)(request.scope, request.receive, send)
        finally:
            # also where nobody began to read it
            self._admission.end_download(allowance, asked, max(left, 0))

    async def _write(self, request: Request) -> Response:
        """Raise `BadRequestError` for fewer bytes than the link says, `PayloadTooLargeError` for more."""
        tenant = request.scope["harka"].tenant.id
        link = self._files.open_upload(tenant, request.path_params["link"])
        announced = request.headers.get("content-length", str(link.size))
        if announced != str(link.size):
            raise PayloadTooLargeError if _is_more(announced, link.size) else BadRequestError
        try:
            async with asyncio.timeout(link.expires - clock.now().timestamp()):
                await self._files.write(tenant, link.path, self._body(request, link.size))
        except TimeoutError:
            raise DeadlineExceededError from None
        return Response(status_code=204)

    async def _body(self, request: Request, size: int) -> AsyncIterator[bytes]:
        """Exactly `size` bytes. Each piece has its own time to arrive."""
        left, pieces = size, request.stream()
        while True:
            async with asyncio.timeout(self._patience):
                piece = await anext(pieces, None)
            if piece is None:
                break
            left -= len(piece)
            if left < 0:
                raise PayloadTooLargeError
            if piece:
                yield piece
        if left:
            raise BadRequestError("The file is shorter than was said.")


def _is_more(announced: str, size: int) -> bool:
    return announced.isdecimal() and int(announced) > size


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media.is_text(media_type) else media_type or _PLAIN


def _disposition(link: Link) -> str:
    """RFC 6266: the name for who reads ASCII alone, and the name."""
    name = link.name or link.path.rpartition("/")[2]
    plain = "".join(each if " " <= each <= "~" and each not in '"\\%' else "_" for each in name)
    more = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{more}'
