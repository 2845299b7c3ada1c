"""`/auth/token`, `/auth/refresh`: for apps; `/.well-known/jwks.json`: for whoever checks their tokens."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.auth import token as tokens
from harka.codec import json_bytes
from harka.errors import InvalidIdError, NotFoundError, SsoRefusedError, UnavailableError
from harka.ids import NodeKind
from harka.learning import entrance, sso_entrance
from harka.learning.entrance import Shown
from harka.learning.session import Begun, Device
from harka.learning.sso import SsoOutcome
from harka.repositories import signing_key as signing_keys
from harka.repositories.session import SessionKind
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.json_body import read_json
from harka.web.visitor import device_of, visit

ACCESS_LIFETIME: Final = timedelta(minutes=10)


class _Credentials(msgspec.Struct, frozen=True):
    email: str
    password: str
    code: str | None = None
    connection: str | None = None
    """A directory whose password it is; `email` is then what people are called there."""


class _Spent(msgspec.Struct, frozen=True):
    refresh_token: str


class Token:
    """Signs an app in: an access token for ten minutes, and a refresh token for the next."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, request = self._runtime, scope["harka"]
        tenant = await visit(runtime, request, scope["headers"])
        given = await read_json(scope, receive, _Credentials)
        device = device_of(SessionKind.APP, request, scope["headers"])
        if given.connection is None:
            shown = Shown(given.email, given.password, given.code)
            begun = await entrance.sign_in(runtime.entrance, tenant, shown, device)
        else:
            begun = await self._by_directory(tenant, given, given.connection, device)
        await _answer(
            runtime, tenant, begun.session.user_id, begun.session.id, begun.token, scope, receive, send
        )

    async def _by_directory(
        self, tenant: TenantContext, given: _Credentials, connection: str, device: Device
    ) -> Begun:
        runtime = self._runtime
        try:
            id_ = runtime.node_ids.open_as(tenant.id, NodeKind.SSO_CONNECTION, connection)
        except InvalidIdError:
            raise NotFoundError from None
        arrived = await sso_entrance.enter(
            runtime.entrance, tenant, id_, given.email, given.password, "", device
        )
        if arrived.begun is None:
            # they show the password that links them in a browser, once
            raise SsoRefusedError(SsoOutcome.ADDRESS_TAKEN)
        return arrived.begun


class Refresh:
    """Spends a refresh token for the next, and for another access token."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        given = await read_json(scope, receive, _Spent)
        done = await entrance.refresh(runtime.entrance, tenant, given.refresh_token)
        await _answer(runtime, tenant, done.held.user_id, done.held.id, done.token, scope, receive, send)


class JsonWebKeys:
    """The public halves of the organization's keys, also of those that sign no more."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        record = self._runtime.directory.current.records.get(tenant.id)
        keys = () if record is None else record.signing_keys
        body = json_bytes(
            {"keys": [{**key.public_jwk, "kid": key.kid, "alg": key.algorithm, "use": "sig"} for key in keys]}
        )
        headers = {"Cache-Control": "public, max-age=300"}
        await Response(body, headers=headers, media_type="application/jwk-set+json")(scope, receive, send)


async def _answer(
    runtime: Runtime,
    tenant: TenantContext,
    user: UUID,
    session: UUID,
    refresh_token: str,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    key = await signing_keys.find_current(runtime.catalog, tenant.id)
    if key is None:
        raise UnavailableError
    access = tokens.issue(
        key,
        runtime.keyring,
        runtime.settings,
        user=user,
        lifetime=ACCESS_LIFETIME,
        now=clock.now(),
        session=session,
    )
    body = json_bytes(
        {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(ACCESS_LIFETIME.total_seconds()),
            "refresh_token": refresh_token,
        }
    )
    await Response(body, media_type="application/json")(scope, receive, send)
