"""The door to `/scim`: a token of an organization's own directory, and nothing else."""

import asyncio
import importlib
from typing import Any, Final, Never

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.auth import scim_token
from harka.auth.principal import Credential
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.tenancy.directory import Directory
from harka.tenancy.resolution import signals
from harka.web.connection import ARRIVED, while_connected
from harka.web.graphql_request import read_body
from harka.web.middleware.request_scope import RequestScope
from harka.web.middleware.tenant_door import in_turn, metered, require_room
from harka.web.whole_body import whole_body

_ROOM: Final = "harka.web.scim.endpoint"
_BODIED: Final = frozenset({"POST", "PUT", "PATCH"})


async def load() -> Any:
    """What is behind the door. Importing it takes a second, and most processes never see a directory."""
    return await asyncio.to_thread(importlib.import_module, _ROOM)


async def load_with_first_token(directory: Directory) -> Never:
    """Load it as soon as anybody has a token: the first request may be in a hurry. Until cancelled."""
    await directory.until(lambda seen: bool(seen.scim_tokens))
    await load()
    await asyncio.get_running_loop().create_future()
    raise asyncio.CancelledError


class Scim:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._room: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(scope, receive)
        response = await while_connected(scope, receive, self._answer(scope, receive, body))
        await response(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Empty where a method has none."""
        if scope["method"] not in _BODIED:
            return b""
        if ARRIVED in scope:
            return await read_body(receive)
        context = self._recognized(scope)
        return await whole_body(self._runtime, receive, context.organization, context.actor)

    async def _answer(self, scope: Scope, receive: Receive, body: bytes) -> Response:
        """Raise like `_recognized`, and like `in_turn`. After the body, which may take as long as it may."""
        runtime, request = self._runtime, scope["harka"]
        context = self._recognized(scope)
        if self._room is None:
            self._room = await load()
        credential = Credential(
            organization=context.organization, actor=context.actor, user=None, scopes=context.permissions
        )
        tenant = msgspec.structs.replace(context, request_id=request.id, deadline=request.deadline)
        scope["harka"] = msgspec.structs.replace(request, tenant=tenant)
        async with in_turn(runtime, request, credential, scope["headers"]):
            asked = Request(scope, receive)
            answered: Response = await metered(
                runtime, tenant, lambda: self._room.answer(runtime, tenant, asked, body)
            )
            return answered

    def _recognized(self, scope: Scope) -> TenantContext:
        """Raise like `scim_token.authenticate`, and like `require_room`."""
        runtime, headers = self._runtime, scope["headers"]
        request: RequestScope = scope["harka"]
        snapshot, now = runtime.directory.current, clock.now()
        said = signals(snapshot, headers, trusted=request.trusted)
        request.record.tenant = said.host
        token, context = scim_token.authenticate(snapshot, said, now)
        request.record.tenant, request.record.actor = context.id, context.actor.kind
        runtime.scim_usage.note(token.id, now)
        require_room(runtime, context.organization, context.actor, headers)
        return context
