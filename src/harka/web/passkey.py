"""`/auth/passkey…`: come in by a passkey; `/auth/passkeys…`: one's own, on a page. Both need a script."""

import re
from collections.abc import Sequence
from datetime import timedelta
from importlib import resources
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.auth.passkey import Place
from harka.codec import json_bytes
from harka.errors import HarkaError, InvalidIdError, NotFoundError, UnauthenticatedError
from harka.ids import NodeKind
from harka.learning import passkey, passkey_entrance
from harka.learning.entrance import working
from harka.repositories.passkey import Passkey
from harka.repositories.session import SessionKind
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import page, read_form
from harka.web.cookie import provider_cookie, session_cookie
from harka.web.graphql_request import header
from harka.web.json_body import read_json
from harka.web.middleware.own_page import require_own_page
from harka.web.middleware.security_headers import is_secure
from harka.web.place import SEE_OTHER, SIGN_IN, place
from harka.web.visitor import device_of, known, visit

PATH: Final = "/auth/passkeys"
_SERVER_ERROR: Final = 500
_CREATED: Final = 201
_NUMBER: Final = re.compile("[0-9]{1,9}")
_ZERO: Final = timedelta(0)


class _Nothing(msgspec.Struct, frozen=True):
    """Whoever it is."""


class _Answer(msgspec.Struct, frozen=True):
    ceremony: str
    credential: dict[str, Any]
    next: str = ""


class _Password(msgspec.Struct, frozen=True):
    password: str


class _Made(msgspec.Struct, frozen=True):
    ceremony: str
    credential: dict[str, Any]
    name: str


class PasskeyOptions:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        require_own_page(scope["headers"], trusted=scope["harka"].trusted)
        await read_json(scope, receive, _Nothing)
        options, ceremony = passkey_entrance.begin(self._runtime.entrance, tenant, place_of(scope))
        await _json({"options": options, "ceremony": ceremony})(scope, receive, send)


class PasskeySignIn:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        require_own_page(scope["headers"], trusted=scope["harka"].trusted)
        given = await read_json(scope, receive, _Answer)
        device = device_of(SessionKind.BROWSER, scope["harka"], scope["headers"])
        begun = await passkey_entrance.sign_in(
            self._runtime.entrance, tenant, given.ceremony, given.credential, place_of(scope), device
        )
        response = _json({"location": place(given.next)})
        lifetime = begun.session.ends_at - clock.now()
        response.raw_headers.append(session_cookie(scope, begun.token, lifetime))
        response.raw_headers.append(provider_cookie(scope, "", _ZERO))
        await response(scope, receive, send)


class Passkeys:
    """The page of one's own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await visit(self._runtime, scope["harka"], scope["headers"])
        person = await known(self._runtime, scope["harka"], scope["headers"])
        if person is None or person.user is None:
            response: Response = RedirectResponse(f"{SIGN_IN}?next={PATH}", SEE_OTHER)
        else:
            response = await _show(self._runtime, person, scope)
        await response(scope, receive, send)


class PasskeyChange:
    """Another name, or no such passkey any more: a plain form."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, person = self._runtime, await _signed_in(self._runtime, scope)
        fields = await read_form(runtime, person, scope, receive)
        id_ = _opened(runtime, person, scope["path_params"]["id"])
        try:
            async with working(runtime.entrance, person, read_only=False) as work:
                if "remove" in fields:
                    await passkey.remove(work, id_)
                else:
                    version = fields.get("version", "")
                    given = int(version) if _NUMBER.fullmatch(version) else 0
                    await passkey.rename(work, id_, fields.get("name", ""), version=given)
        except HarkaError as error:
            if error.status >= _SERVER_ERROR:
                raise
            scope["harka"].record.code = error.code
            response = await _show(runtime, person, scope, error)
        else:
            response = RedirectResponse(PATH, SEE_OTHER)
        await response(scope, receive, send)


class PasskeyCreationOptions:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        person = await _signed_in(self._runtime, scope)
        given = await read_json(scope, receive, _Password)
        options, ceremony = await passkey.begin(
            self._runtime.entrance, person, given.password, place_of(scope)
        )
        await _json({"options": options, "ceremony": ceremony})(scope, receive, send)


class PasskeyCreation:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        person = await _signed_in(self._runtime, scope)
        given = await read_json(scope, receive, _Made)
        made = await passkey.register(
            self._runtime.entrance, person, given.ceremony, given.credential, given.name, place_of(scope)
        )
        id_ = self._runtime.node_ids.seal(person.id, NodeKind.PASSKEY, made.id)
        await _json({"id": id_}, _CREATED)(scope, receive, send)


class PasskeyScript:
    """`/auth/passkey.js`, read once."""

    def __init__(self) -> None:
        self._content = (resources.files("harka.web") / "pages" / "passkey.js").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Cache-Control": "no-cache"}
        await Response(self._content, headers=headers, media_type="text/javascript")(scope, receive, send)


def place_of(scope: Scope) -> Place:
    """The address that was asked, as browsers tell it; which organization is there was looked up before."""
    host = header(scope, b"host").lower()
    return Place(host.partition(":")[0], f"{'https' if is_secure(scope) else 'http'}://{host}")


async def _signed_in(runtime: Runtime, scope: Scope) -> TenantContext:
    """Raise `UnauthenticatedError`, and `ForbiddenError` for what another page asks."""
    await visit(runtime, scope["harka"], scope["headers"])
    require_own_page(scope["headers"], trusted=scope["harka"].trusted)
    person = await known(runtime, scope["harka"], scope["headers"])
    if person is None:
        raise UnauthenticatedError
    return person


async def _show(
    runtime: Runtime, person: TenantContext, scope: Scope, error: HarkaError | None = None
) -> Response:
    async with working(runtime.entrance, person, read_only=True) as work:
        rows = await passkey.list_page(work, None, after=None, first=passkey.MOST)
    return await page(
        runtime,
        person,
        scope,
        "passkeys",
        title="Your passkeys",
        error=error,
        rows=_listed(runtime, person, rows),
    )


def _listed(runtime: Runtime, person: TenantContext, rows: Sequence[Passkey]) -> Sequence[dict[str, str]]:
    return [
        {
            "id": runtime.node_ids.seal(person.id, NodeKind.PASSKEY, each.id),
            "name": each.name,
            "version": str(each.version),
            "host": each.host,
            "used": "never" if each.last_used_at is None else f"{each.last_used_at:%Y-%m-%d}",
        }
        for each in rows
    ]


def _opened(runtime: Runtime, person: TenantContext, text: str) -> UUID:
    try:
        return runtime.node_ids.open_as(person.id, NodeKind.PASSKEY, text)
    except InvalidIdError:
        raise NotFoundError from None


def _json(content: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(json_bytes(content), status, headers, media_type="application/json")
